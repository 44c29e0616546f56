package webhook

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

const (
	allOfIt = `{name: all, timeout: 3s, route: [{destination: {host: reviews, subset: grayscale-version}}]}`
	pins    = `{name: all, timeout: 3s, route: [{destination: {host: reviews, subset: grayscale-original}}]}`
)

// split is a release that gives its clone what the route of ours says.
func (c cluster) split(route string) (service, original, clone, routes *unstructured.Unstructured) {
	c.Helper()
	service, original = c.service(), c.deployment(good("weight=25"))
	original.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: service.GetName(), UID: service.GetUID()}})
	if err := unstructured.SetNestedField(original.Object, int64(1), "spec", "replicas"); err != nil {
		c.Fatal(err)
	}
	c.made(original)
	c.claimed(service, original)
	clone = c.clone()
	clone.SetOwnerReferences(original.GetOwnerReferences())
	if err := unstructured.SetNestedField(clone.Object, int64(1), "spec", "replicas"); err != nil {
		c.Fatal(err)
	}
	as(c.T, we).made(clone)
	routes = c.virtualService("reviews", route, userRoute)
	c.made(routes)
	c.guarded(original)
	return service, original, clone, routes
}

// guarded waits until the guard's caches know that the Deployment is a version, or
// its routes: until it is refused to go, which nothing but the caches delays.
func (c cluster) guarded(d *unstructured.Unstructured) {
	c.Helper()
	if err := until(c.Context(), "the guard knows "+d.GetName(), func() (bool, error) {
		err := c.Delete(c.Context(), d.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "can't be deleted"), nil
	}); err != nil {
		c.Fatal(err)
	}
}

// free waits until a Deployment may be deleted.
func (c cluster) free(d *unstructured.Unstructured) {
	c.Helper()
	if err := until(c.Context(), d.GetName()+" may go", func() (bool, error) {
		return c.Delete(c.Context(), d.DeepCopy(), client.DryRunAll) == nil, nil
	}); err != nil {
		c.Fatal(err)
	}
}

// newOwner gives an owner that never was.
const newOwner = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"gone"}]}}`

// losses are the ways to take a Deployment's pods away.
func (c cluster) losses(d *unstructured.Unstructured) map[string]func() error {
	ctx, patch := c.Context(), client.RawPatch(types.MergePatchType, []byte(noReplica))
	owner := merge(newOwner)
	one := client.InNamespace(c.namespace)
	another := d.GetOwnerReferences()
	another[0].Kind = "ConfigMap" // of which there is none by that name
	misled := d.DeepCopy()
	misled.SetOwnerReferences(another)
	return map[string]func() error{
		"deleted": func() error { return c.Delete(ctx, d.DeepCopy()) },
		"orphaned": func() error {
			return c.Delete(ctx, d.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationOrphan))
		},
		"deleted in the foreground": func() error {
			return c.Delete(ctx, d.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationForeground))
		},
		"deleted with all of the namespace": func() error { return c.DeleteAllOf(ctx, object("apps/v1", "Deployment", "", ""), one) },
		"scaled":                            func() error { return c.SubResource("scale").Patch(ctx, d.DeepCopy(), patch) },
		"scaled by its spec":                func() error { return c.Patch(ctx, d.DeepCopy(), patch) },
		"given an owner that is gone":       func() error { return c.Patch(ctx, d.DeepCopy(), owner) },
		"given an owner of another kind":    func() error { return c.Patch(ctx, misled.DeepCopy(), client.MergeFrom(d)) },
		"given one by its status":           func() error { return c.Status().Patch(ctx, d.DeepCopy(), owner) },
		"scaled by an autoscaler": func() error {
			return as(c.T, "system:serviceaccount:kube-system:horizontal-pod-autoscaler").SubResource("scale").Patch(ctx, d.DeepCopy(), patch)
		},
	}
}

// TestAVersionThatCarriesTrafficStays, the original and the clone, whoever takes
// its pods away and how.
func TestAVersionThatCarriesTrafficStays(t *testing.T) {
	c := as(t, jane)
	_, original, clone, _ := c.split(ourRoute)
	c.guarded(clone)
	for _, v := range []struct {
		d    *unstructured.Unstructured
		says string
	}{
		{original, "is the original version of release reviews-v2, which has 75 % of the traffic of Service " + c.namespace + "/reviews"},
		{clone, "is the grayscale version of release reviews-v2, which has 25 % of the traffic of Service " + c.namespace + "/reviews"},
	} {
		for how, lose := range c.losses(v.d) {
			err := lose()
			parts := []string{"Deployment " + c.namespace + "/" + v.d.GetName(), v.says, "kubectl grayscale takeover reviews-v2", "kubectl grayscale cancel reviews-v2 -n " + c.namespace, "accept: unprotected on Deployment " + c.namespace + "/reviews-v1"}
			if how == "deleted with all of the namespace" {
				parts = []string{"of release reviews-v2, which has"} // either comes first
			}
			if err == nil {
				t.Fatalf("%s is %s", v.d.GetName(), how)
			}
			c.refused(err, parts...)
		}
		if now := c.now(v.d); now.GetDeletionTimestamp() != nil {
			t.Errorf("%s is being deleted", v.d.GetName())
		}
	}
}

// TestWhatGoesPastTheGuard: those whom it exempts, and all that takes no pods of a
// version that has traffic.
func TestWhatGoesPastTheGuard(t *testing.T) {
	c := as(t, jane)
	_, original, clone, routes := c.split(ourRoute)
	c.guarded(clone)
	dry := func(user string) error { return as(t, user).Delete(t.Context(), clone.DeepCopy(), client.DryRunAll) }
	for _, user := range []string{we, "system:serviceaccount:kube-system:generic-garbage-collector", "system:serviceaccount:kube-system:namespace-controller"} {
		if err := dry(user); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	c.scaled(clone, `{"spec":{"replicas":2}}`)
	other := deployment(c.namespace, "other", nil)
	c.made(other)
	c.scaled(other, oneReplica)
	c.scaled(other, noReplica)
	if err := c.Delete(t.Context(), other); err != nil {
		t.Error(err)
	}

	ours := as(t, we)
	give := func(route string) {
		fresh := c.now(routes)
		if err := unstructured.SetNestedSlice(fresh.Object, routesOf(c.virtualService("reviews", route, userRoute)), "spec", "http"); err != nil {
			t.Fatal(err)
		}
		if err := ours.Update(t.Context(), fresh); err != nil {
			t.Fatal(err)
		}
	}
	give(pins)
	c.free(clone)
	c.scaled(clone, noReplica)
	c.guarded(original)
	give(allOfIt)
	c.free(original)
	c.guarded(clone)
	c.scaled(original, noReplica)
	if err := c.Delete(t.Context(), original); err != nil {
		t.Errorf("the original without traffic: %v", err)
	}
}

// TestTheVersionThatStaysKeepsItsPods, once a finish has deleted the original, also with
// no route of ours any more; and where nobody can read the claim, who takes it away is
// told so.
func TestTheVersionThatStaysKeepsItsPods(t *testing.T) {
	c := as(t, jane)
	service, original, clone, routes := c.split(ourRoute)
	c.claimed(service, original, func(s *release.Status) { s.Phase = release.Finishing })
	for _, o := range []*unstructured.Unstructured{original, routes} {
		if err := as(t, we).Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	says := "is the grayscale version of release reviews-v2, which has all traffic of Service " + c.namespace + "/reviews, and can't be deleted; let the release finish first"
	if err := until(t.Context(), "the clone is all there is", func() (bool, error) {
		err := c.Delete(t.Context(), clone.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), says), nil
	}); err != nil {
		t.Fatal(err)
	}
	c.refused(c.SubResource("scale").Patch(t.Context(), clone.DeepCopy(), merge(noReplica)), "can't be scaled to 0")

	c.patched(service, annotate(map[string]any{intent.AnnotationStatus: `{"schema":7}`}))
	c.free(clone)
	c.warned.taken()
	c.scaled(clone, noReplica)
	c.warns("Deployment " + c.namespace + "/reviews-v2: nobody knows whether it carries traffic of a release")
}

// TestANamespaceThatGoesTakesAllAlong, with a release in it.
func TestANamespaceThatGoesTakesAllAlong(t *testing.T) {
	c := as(t, jane)
	_, original, clone, _ := c.split(ourRoute)
	c.guarded(clone)
	const hold = `{"metadata":{"finalizers":["example.com/hold"]}}`
	c.patched(original, hold) // so that it is there still once the namespace goes
	c.refused(c.SubResource("scale").Patch(t.Context(), original.DeepCopy(), merge(noReplica)), "can't be scaled to 0")
	ns := object("v1", "Namespace", "", c.namespace)
	if err := c.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	c.scaled(original, noReplica)
	// The namespace controller begins after seconds, and looks again after more of
	// them where it finds something left.
	c.patched(original, `{"metadata":{"finalizers":null}}`)
	if err := until(t.Context(), "the namespace is gone", func() (bool, error) {
		err := admin().Get(t.Context(), client.ObjectKeyFromObject(ns), ns.DeepCopy())
		return err != nil, client.IgnoreNotFound(err)
	}); err != nil {
		t.Error(err)
	}
}

// events gives the notes of those on a Deployment that tell what a guard let through.
func (c cluster) events(d *unstructured.Unstructured) (notes []string) {
	c.Helper()
	api, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		c.Fatal(err)
	}
	var list eventsv1.EventList
	if err := api.List(c.Context(), &list, client.InNamespace(c.namespace)); err != nil {
		c.Fatal(err)
	}
	for _, e := range list.Items {
		if e.Reason == webhook.ReasonUnprotected && e.Regarding.UID == d.GetUID() {
			if e.Type != "Warning" {
				c.Errorf("%s event: %s", e.Type, e.Note)
			}
			notes = append(notes, e.Note)
		}
	}
	return notes
}

// told waits for an event, and checks that it is the only one.
func (c cluster) told(d *unstructured.Unstructured, parts ...string) {
	c.Helper()
	var notes []string
	if err := until(c.Context(), "an event that says "+strings.Join(parts, ", "), func() (bool, error) {
		notes = c.events(d)
		return slices.ContainsFunc(notes, func(note string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(note, part) })
		}), nil
	}); err != nil {
		c.Fatalf("%v; there are %q", err, notes)
	}
	if len(notes) != 1 {
		c.Errorf("there are %q, want one", notes)
	}
}

// TestAnAcceptedRiskIsTold: the guards yield to accept: unprotected, by the
// original's intent, and an event on the Deployment names the user; a dry run tells
// nothing.
func TestAnAcceptedRiskIsTold(t *testing.T) {
	c := as(t, jane)
	_, original, clone, _ := c.split(ourRoute)
	c.guarded(clone)
	c.patched(original, annotate(map[string]any{intent.KeyAccept: "unprotected"}))
	c.free(clone) // by dry runs
	c.scaled(clone, noReplica)
	c.told(clone, "user jane scales Deployment "+c.namespace+"/reviews-v2 to 0", "which has 25 % of the traffic", "accept: unprotected allows")
	joe := as(t, "joe")
	if err := joe.Delete(t.Context(), original.DeepCopy(), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if err := joe.Delete(t.Context(), original.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	c.told(original, "user joe deletes Deployment "+c.namespace+"/reviews-v1", "which has 75 % of the traffic")
}

// TestTheSplitsLabelsYieldToo: to the same word, and a dry run tells nothing.
func TestTheSplitsLabelsYieldToo(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(keys("release=reviews-v2", "image=2.0", "version=v2"))
	unstructured.RemoveNestedField(d.Object, "spec", "selector", "matchLabels", "version")
	c.made(d)
	c.claimed(service, d)
	const relabel = `{"spec":{"template":{"metadata":{"labels":{"version":"v9"}}}}}`
	c.refused(c.try(d, relabel), "routes of release reviews-v2 rely on", "accept the risk with grayscale.dev/accept: unprotected")
	c.patched(d, annotate(map[string]any{intent.KeyAccept: "unprotected"}))
	if err := as(t, "joe").Patch(t.Context(), d.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(relabel)), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	c.patched(d, relabel)
	c.told(d, "user jane changes the pod labels version of Deployment "+c.namespace+"/reviews-v1")
}

// TestTheGuardFailsOpen: with the controller down a version can be taken away,
// and nobody waits long.
func TestTheGuardFailsOpen(t *testing.T) {
	c := as(t, jane)
	_, original, clone, _ := c.split(ourRoute)
	c.guarded(clone)
	down(t)
	start := time.Now()
	c.scaled(clone, noReplica)
	for _, d := range []*unstructured.Unstructured{clone, original} {
		if err := c.Delete(t.Context(), d); err != nil {
			t.Errorf("%s: %v", d.GetName(), err)
		}
	}
	if took := time.Since(start); took > 3*(time.Second+500*time.Millisecond) {
		t.Errorf("three writes took %s, want a second each at most", took)
	}
}

// TestWhatTheGuardIsAsked: of Deployments that have nothing of ours no deletion
// and no write, but a scale to nothing by the subresource, which tells of no
// Deployment.
func TestWhatTheGuardIsAsked(t *testing.T) {
	c := as(t, jane)
	plain, asked := deployment(c.namespace, "plain", nil), deployment(c.namespace, "asked", keys("weight=1"))
	counted(t, []step{
		{what: "create", write: func() { c.made(plain, asked) }},
		{what: "a plain one scaled up", write: func() { c.scaled(plain, oneReplica) }},
		{what: "a plain one's replicas to 0", write: func() { c.patched(plain, noReplica) }},
		{what: "a plain one scaled up again", write: func() { c.scaled(plain, oneReplica) }},
		{what: "a plain one scaled to 0", reaches: true, write: func() { c.scaled(plain, noReplica) }},
		{what: "a plain one's new image", write: func() { c.patched(plain, newImage) }},
		{what: "ours scaled up", write: func() { c.scaled(asked, oneReplica) }},
		{what: "ours has its replicas at 0", reaches: true, write: func() { c.patched(asked, noReplica) }},
		{what: "a plain one's status", write: func() { c.status(plain, itsStatus) }},
		{what: "a plain one's owner by its status", write: func() {
			if err := c.Status().Patch(t.Context(), plain.DeepCopy(), merge(newOwner), client.DryRunAll); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "ours has its status written", write: func() { c.status(asked, itsStatus) }},
		{what: "ours gets a new image", write: func() { c.patched(asked, newImage) }},
		{what: "ours deleted by the controller", write: func() {
			if err := as(t, we).Delete(t.Context(), asked.DeepCopy(), client.DryRunAll); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "ours deleted", reaches: true, write: func() {
			if err := c.Delete(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "a plain one deleted", write: func() {
			if err := c.Delete(context.Background(), plain); err != nil {
				t.Fatal(err)
			}
		}},
	}, func() {}, webhook.PathGuardDeployment)
}
