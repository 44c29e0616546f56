package plan_test

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

func ownedBy(d *unstructured.Unstructured, controller bool) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: d.GetName(), UID: d.GetUID(), Controller: &controller}}
}

// userWrites is kubectl apply by the user, who knows nothing of our routes.
func (c *cluster) userWrites(u *unstructured.Unstructured) {
	key := keyOf(u)
	c.judge.users[key] = u.DeepCopy()
	switch {
	case u.GetKind() == "VirtualService" && c.webhook:
		u = c.putBack(u)
	case u.GetKind() == "VirtualService":
		c.judge.meddle()
	}
	c.put(u)
}

// putBack is the webhook that keeps our routes in what somebody else writes.
func (c *cluster) putBack(u *unstructured.Unstructured) *unstructured.Unstructured {
	old := c.get(keyOf(u))
	if old == nil || !route.HasOurs(old) {
		c.judge.meddle() // nothing to put back: the controller pins it in a moment
		return u
	}
	splits := route.Recover(old)
	for n, split := range splits {
		if subsets := plan.Subsets(c.snapshot(split.Service)); len(subsets) > 0 {
			splits[n].Subsets = subsets
		}
	}
	out, err := route.Apply(u, splits)
	if err != nil {
		c.fail("%v", err)
	}
	for _, split := range splits {
		for _, subset := range route.SubsetsOf(out, split.Service) {
			if _, known := c.judge.subset(split.Service, subset); !known {
				// A new route of the user's needs a subset that is there but young:
				// pinned it may fail for a moment, unpinned it would leak.
				c.judge.meddle()
				c.judge.ruleless = true
			}
		}
	}
	return out
}

// userApplies writes YAML.
func (c *cluster) userApplies(manifests ...string) {
	for _, u := range parse(c.t, manifests...) {
		c.say("user    applies %s", keyOf(u))
		c.userWrites(u)
	}
}

// userReapplies writes again what the user wrote last.
func (c *cluster) userReapplies(key string) {
	if u := c.judge.users[key]; u != nil && c.get(key) != nil {
		c.say("user    applies %s again", key)
		c.userWrites(u)
	}
}

// userDeletes deletes in the background: what a guard would have refused.
func (c *cluster) userDeletes(key string) {
	if c.get(key) == nil {
		return
	}
	c.say("user    deletes %s", key)
	c.judge.meddle()
	c.judge.ruleless = c.judge.ruleless || kindOf(key) == "DestinationRule"
	delete(c.judge.users, key)
	c.drop(key)
	c.judge.abandon()
}

// annotate is kubectl annotate: "weight=10" writes, "end-" removes.
func (c *cluster) annotate(deployment string, pairs ...string) {
	c.t.Helper()
	d := c.get("Deployment " + deployment)
	if d == nil {
		return
	}
	c.say("user    annotates %s: %s", deployment, strings.Join(pairs, " "))
	out, annotations := d.DeepCopy(), d.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	for _, pair := range pairs {
		key, value, writes := strings.Cut(pair, "=")
		if writes {
			annotations[intent.Prefix+key] = value
		} else {
			delete(annotations, intent.Prefix+strings.TrimSuffix(key, "-"))
		}
	}
	out.SetAnnotations(annotations)
	c.put(out)
}

// scale is kubectl scale.
func (c *cluster) scale(deployment string, replicas int64) {
	d := c.get("Deployment " + deployment)
	if d == nil || d.GetDeletionTimestamp() != nil {
		return
	}
	c.say("user    scales %s to %d", deployment, replicas)
	c.judge.meddle()
	c.setReplicas(d, replicas)
}

// autoscales is a HorizontalPodAutoscaler at work: nothing is excused by it.
func (c *cluster) autoscales(deployment string, replicas int64) {
	d := c.get("Deployment " + deployment)
	if d == nil || d.GetDeletionTimestamp() != nil {
		return
	}
	c.say("hpa     scales %s to %d", deployment, replicas)
	c.setReplicas(d, replicas)
}

func (c *cluster) setReplicas(d *unstructured.Unstructured, replicas int64) {
	out := d.DeepCopy()
	if err := unstructured.SetNestedField(out.Object, replicas, "spec", "replicas"); err != nil {
		c.t.Fatalf("%v", err)
	}
	c.put(out)
	if user := c.judge.users[keyOf(out)]; user != nil {
		c.judge.users[keyOf(out)] = out.DeepCopy()
	}
}

// sicken lets all pods of a version fail their probes, or pass them again.
func (c *cluster) sicken(version string, sick bool) {
	c.say("world   pods of %s fail their probes: %t", version, sick)
	c.judge.meddle()
	c.sick[version] = sick
	c.version++
	c.syncPods()
}

// theEnd checks that nothing of ours is left but the history.
func (c *cluster) theEnd(phase release.Phase) {
	c.t.Helper()
	c.advance(time.Hour)
	c.settle()
	for key, u := range c.objects {
		for _, label := range []string{intent.LabelTask, intent.LabelOf, intent.LabelService, intent.LabelNamespace} {
			if _, ok := u.GetLabels()[label]; ok {
				c.fail("%s still has label %s", key, label)
			}
		}
		if route.HasOurs(u) || route.Ours(u) {
			c.fail("%s is, or holds something of, ours", key)
		}
		if claim, err := release.Claim(u.GetAnnotations(), u.GetUID()); claim != nil || err != nil { // a restored copy counts as none
			c.fail("%s still has a status", key)
		}
		if user := c.judge.users[key]; user != nil && u.GetKind() != "Deployment" && u.GetKind() != "Service" && !asWritten(u, user) {
			c.fail("%s is not what the user wrote", key)
		}
	}
	for _, service := range c.services {
		if p := plan.Make(c.snapshot(service), c.now); !p.Idle() {
			c.fail("there is still something to do for %s: %+v", service, p)
		}
	}
	if phase != "" {
		c.ended(c.services[0], phase)
	}
}

// ended checks how the Service's last release ended.
func (c *cluster) ended(service types.NamespacedName, phase release.Phase) {
	c.t.Helper()
	u := c.get("Service " + service.String())
	if u == nil {
		c.fail("Service %s is gone", service)
	}
	h, err := release.ParseHistory(u.GetAnnotations()[intent.AnnotationHistory])
	if err != nil || len(h.Entries) == 0 {
		c.fail("Service %s has no history: %v", service, err)
	}
	last := h.Entries[0]
	if last.Phase != phase {
		c.fail("Service %s: the last release is %s, want %s", service, last.Phase, phase)
	}
	for _, kind := range []string{"Deployment", "ReplicaSet"} {
		key := kind + " " + service.Namespace + "/" + last.Original
		if u := c.get(key); u != nil && u.GetAnnotations()[intent.KeyRelease] == last.Task {
			c.fail("%s still has the intent", key)
		}
	}
}

// state is the cluster without what differs from run to run: versions, times.
func (c *cluster) state() map[string]any {
	out := map[string]any{}
	for key, u := range c.objects {
		if u.GetKind() == "ReplicaSet" {
			continue
		}
		plain := map[string]any{"spec": u.Object["spec"], "labels": u.GetLabels()}
		annotations := u.GetAnnotations()
		if value, ok := annotations[intent.AnnotationHistory]; ok {
			h, err := release.ParseHistory(value)
			if err != nil {
				c.fail("%v", err)
			}
			var tasks []string
			for _, e := range h.Entries {
				tasks = append(tasks, e.Task+" "+string(e.Phase)+" "+e.Clone)
			}
			plain["history"] = tasks
			delete(annotations, intent.AnnotationHistory)
		}
		delete(annotations, intent.AnnotationStatus)
		delete(annotations, intent.AnnotationWritten)
		plain["annotations"] = annotations
		out[key] = plain
	}
	return out
}

// cutDocument gives the first YAML document and the rest.
func cutDocument(manifests string) (first, rest string, ok bool) {
	return strings.Cut(manifests, "\n---\n")
}

// edit changes an object as the user wrote it.
func (c *cluster) edit(key string, change func(map[string]any)) {
	user := c.judge.users[key]
	if user == nil || c.get(key) == nil {
		return
	}
	c.say("user    edits %s", key)
	c.judge.meddle()
	user = user.DeepCopy()
	change(user.Object["spec"].(map[string]any))
	c.userWrites(user)
}

// editRoute adds a route before the others and changes a timeout.
func (c *cluster) editRoute() {
	c.edit("VirtualService shop/reviews", func(spec map[string]any) {
		routes := spec["http"].([]any)
		routes[0].(map[string]any)["timeout"] = "7s"
		spec["http"] = append([]any{map[string]any{
			"match": []any{map[string]any{"uri": map[string]any{"prefix": "/new"}}},
			"route": []any{map[string]any{"destination": map[string]any{"host": "reviews"}}},
		}}, routes...)
	})
}

// editRule changes the policy at the top and of a subset.
func (c *cluster) editRule() {
	c.edit("DestinationRule shop/reviews", func(spec map[string]any) {
		spec["trafficPolicy"] = map[string]any{"outlierDetection": map[string]any{"consecutive5xxErrors": int64(7)}}
		if subsets, ok := spec["subsets"].([]any); ok {
			subsets[0].(map[string]any)["trafficPolicy"] = map[string]any{"loadBalancer": map[string]any{"simple": "LEAST_REQUEST"}}
		}
	})
}

// addRule adds a rule for the host beside ours.
func (c *cluster) addRule() {
	c.userApplies(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: late, namespace: shop}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
`)
}
