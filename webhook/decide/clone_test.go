package decide_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func TestClone(t *testing.T) {
	claims := decide.ClaimsOf([]release.Service{service(t, "reviews", running())})
	nobody := decide.ClaimsOf([]release.Service{service(t, "reviews", nil)})
	const holder = "Service shop/reviews is held by release reviews-v2 of Deployment reviews-v1 in namespace shop"
	with := func(change func(*unstructured.Unstructured)) *unstructured.Unstructured {
		d := cloned(t)
		change(d)
		return d
	}
	set := func(value any, path ...string) *unstructured.Unstructured {
		return with(func(d *unstructured.Unstructured) {
			if err := unstructured.SetNestedField(d.Object, value, path...); err != nil {
				t.Fatal(err)
			}
		})
	}
	renamed := with(func(d *unstructured.Unstructured) { d.SetName("reviews-copy") })
	bare := with(func(d *unstructured.Unstructured) { d.SetLabels(nil) })
	wrongOf := with(func(d *unstructured.Unstructured) {
		d.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v0"})
	})
	onlyOf := with(func(d *unstructured.Unstructured) { d.SetLabels(map[string]string{intent.LabelOf: "reviews-v1"}) })
	ours, theirs := controller, jane

	cases := []struct {
		name          string
		user          string
		before, after *unstructured.Unstructured
		claims        decide.Claims
		faults        []string
	}{
		{name: "the controller makes the clone", user: ours, after: cloned(t), claims: claims},
		{name: "the controller makes another", user: ours, after: renamed, claims: claims, faults: []string{"is not the clone that a Service's claim names: " + holder}},
		{name: "the controller without a claim", user: ours, after: cloned(t), claims: nobody, faults: []string{"is not the clone that a Service's claim names"}},
		{name: "the controller for another original", user: ours, after: wrongOf, claims: claims, faults: []string{"is not the original of release reviews-v2"}},
		{name: "a copy", user: theirs, after: renamed, claims: claims, faults: []string{holder}},
		{name: "the clone itself by somebody", user: theirs, after: cloned(t), claims: claims, faults: []string{holder}},
		{name: "one label is enough", user: theirs, after: onlyOf, claims: claims, faults: []string{holder}},
		{name: "a copy with no release", user: theirs, after: renamed, claims: nobody, faults: []string{"which only the controller makes"}},
		{name: "labels added later", user: theirs, before: bare, after: cloned(t), claims: claims, faults: []string{holder}},
		{name: "labels changed", user: theirs, before: cloned(t), after: wrongOf, claims: claims, faults: []string{holder}},
		{name: "labels removed", user: theirs, before: cloned(t), after: bare, claims: claims, faults: []string{"its labels of grayscale.dev/ say so"}},
		{name: "labels removed by the controller", user: ours, before: cloned(t), after: bare, claims: claims},
		{name: "labels removed from a leftover", user: theirs, before: cloned(t), after: bare, claims: nobody},
		{name: "scaled", user: theirs, before: cloned(t), after: set(int64(7), "spec", "replicas"), claims: claims},
		{name: "template edited", user: theirs, before: cloned(t), after: set("x", "spec", "template", "metadata", "labels", "team"), claims: claims, faults: []string{"only the controller changes its pod template"}},
		{name: "selector edited", user: theirs, before: cloned(t), after: set("x", "spec", "selector", "matchLabels", "team"), claims: claims, faults: []string{"changes its selector"}},
		{name: "both edited", user: theirs, before: cloned(t), claims: claims, faults: []string{"its pod template", "its selector"}, after: with(func(d *unstructured.Unstructured) {
			d.Object["spec"] = map[string]any{}
		})},
		{name: "template put back by the controller", user: ours, before: set("x", "spec", "template", "metadata", "labels", "team"), after: cloned(t), claims: claims},
		{name: "a leftover edited", user: theirs, before: cloned(t), after: set("x", "spec", "template", "metadata", "labels", "team"), claims: nobody},
		{name: "an intent on the clone", user: theirs, before: cloned(t), claims: claims, faults: []string{"annotate Deployment shop/reviews-v1"}, after: with(func(d *unstructured.Unstructured) { d.SetAnnotations(good()) })},
		{name: "an intent on a leftover", user: theirs, before: cloned(t), claims: nobody, faults: []string{"remove those labels first"}, after: with(func(d *unstructured.Unstructured) { d.SetAnnotations(good()) })},
		{name: "an annotation of somebody else's", user: theirs, before: cloned(t), claims: claims, after: with(func(d *unstructured.Unstructured) { d.SetAnnotations(map[string]string{"a": "b"}) })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := decide.Write{Before: c.before, After: c.after, User: c.user, Controller: controller}
			if clone, _ := w.Concerns(); !clone {
				t.Fatal("is not taken for a clone")
			}
			told(t, "faults", faults(decide.Clone(w, c.claims)), c.faults...)
		})
	}
}
