package plan_test

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// templateHash is the label that the Deployment controller gives the pods of one
// template.
const templateHash = "pod-template-hash"

// syncDeployment is one pass of the Deployment controller: it scales, and rolls a
// changed template out with one pod more than asked and none less, as
// maxSurge: 1, maxUnavailable: 0 does.
func (c *cluster) syncDeployment(d *unstructured.Unstructured) {
	c.syncReplicaSet(d)
	w := release.WorkloadOf(d)
	fresh, old := c.generations(w)
	want, paused := int(w.Replicas), isPaused(d)
	if d.GetDeletionTimestamp() != nil || want == 0 {
		c.dismissAll(append(fresh, old...))
		return
	}
	if paused && len(old) > 0 { // nothing is rolled out, but it is scaled
		for n := len(fresh) + len(old); n < want; n++ {
			c.startLike(w, old[0])
		}
		for n := len(old) - 1; n >= 0 && n+1+len(fresh) > want; n-- {
			c.dismiss(old[n])
		}
		return
	}
	for len(fresh) > want {
		c.dismiss(fresh[len(fresh)-1])
		fresh = fresh[:len(fresh)-1]
	}
	surge := 0
	if len(old) > 0 {
		surge = 1
	}
	for len(fresh) < want && len(fresh)+len(old) < want+surge {
		fresh = append(fresh, c.startPod(w))
	}
	ready := 0
	for _, p := range append(fresh, old...) {
		ready += btoi(p.ready(c.now))
	}
	for _, p := range old {
		if !p.ready(c.now) {
			c.dismiss(p)
		} else if ready > want {
			c.dismiss(p)
			ready--
		}
	}
}

func isPaused(d *unstructured.Unstructured) bool {
	paused, _, _ := unstructured.NestedBool(d.Object, "spec", "paused")
	return paused
}

// generations gives a Deployment's pods that stay: those of its template, and
// those of former ones.
func (c *cluster) generations(w release.Workload) (fresh, old []*pod) {
	for _, p := range c.podsOf(w.UID) {
		switch {
		case p.leaving():
		case p.labels[templateHash] == w.TemplateHash:
			fresh = append(fresh, p)
		default:
			old = append(old, p)
		}
	}
	return fresh, old
}

func (c *cluster) dismissAll(pods []*pod) {
	for _, p := range pods {
		c.dismiss(p)
	}
}

// startPod starts a pod of the Deployment's template.
func (c *cluster) startPod(w release.Workload) *pod {
	labels := maps.Clone(w.Template)
	labels[templateHash] = w.TemplateHash
	c.version++
	p := &pod{name: fmt.Sprintf("%s-%d", w.Name, c.version), namespace: w.Namespace, owner: w.UID, of: w.Name, labels: labels, readyAt: c.now.Add(startUp)}
	for _, image := range w.Images {
		p.crashes = p.crashes || strings.HasSuffix(image, "-crash")
	}
	p.deaf = p.crashes || c.isStuck(p)
	c.pods = append(c.pods, p)
	return p
}

// startLike starts a pod of a former template.
func (c *cluster) startLike(w release.Workload, like *pod) {
	p := c.startPod(w)
	p.labels, p.crashes, p.deaf = like.labels, like.crashes, like.deaf
}

// isStuck says whether somebody keeps that pod from starting.
func (c *cluster) isStuck(p *pod) bool { return c.stuck[p.of] == p.labels[templateHash] }

// syncStatus writes what the Deployment controller tells of a roll-out.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
func (c *cluster) syncStatus(d *unstructured.Unstructured) {
	w := release.WorkloadOf(d)
	fresh, old := c.generations(w)
	available := 0
	for _, p := range append(fresh, old...) {
		available += btoi(p.ready(c.now))
	}
	all := len(fresh) + len(old)
	status := map[string]any{
		"observedGeneration": d.GetGeneration(), "replicas": int64(all), "updatedReplicas": int64(len(fresh)),
		"availableReplicas": int64(available), "unavailableReplicas": int64(max(0, max(all, int(w.Replicas))-available)),
	}
	if reflect.DeepEqual(d.Object["status"], status) {
		return
	}
	out := d.DeepCopy()
	out.Object["status"] = status
	c.objects[keyOf(d)] = out
}

// changeTemplate is kubectl edit of a Deployment's pod template, by the user or
// by the tool that applies what Git says.
func (c *cluster) changeTemplate(deployment, how string, change func(template map[string]any)) {
	d := c.get("Deployment " + deployment)
	if d == nil || d.GetDeletionTimestamp() != nil {
		return
	}
	c.say("user    rolls %s out: %s", deployment, how)
	out := d.DeepCopy()
	change(out.Object["spec"].(map[string]any)["template"].(map[string]any))
	for _, service := range c.services {
		claim := c.claim(service)
		if claim == nil {
			delete(c.judge.claims, service) // it is over
		}
		if claim != nil && claim.Original.UID == out.GetUID() && release.WorkloadOf(out).Template["version"] != claim.Original.Version {
			c.judge.emptied[service] = true
		}
	}
	c.put(out)
	c.judge.users[keyOf(out)] = c.get(keyOf(out)).DeepCopy()
}

// withImage changes the image of the first container.
func withImage(image string) func(map[string]any) {
	return func(template map[string]any) {
		containers := template["spec"].(map[string]any)["containers"].([]any)
		containers[0].(map[string]any)["image"] = image
	}
}

// withVersion changes image and version label: the grayscale version as Git says it.
func withVersion(version, image string) func(map[string]any) {
	return func(template map[string]any) {
		template["metadata"].(map[string]any)["labels"].(map[string]any)["version"] = version
		withImage(image)(template)
	}
}

// untilStep lets the controller go on until a step is noted.
func (c *cluster) untilStep(step release.Step) {
	c.t.Helper()
	if !c.until(func() bool { s := c.claim(c.services[0]); return s != nil && s.Steps.Done(step) }) {
		c.fail("step %s was never done", step)
	}
}

// after lets that time pass with the controller at work.
func after(d time.Duration) step { return func(c *cluster) { c.goOn(d) } }
