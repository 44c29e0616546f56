package plan

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// TestDisowned: at the end we own nothing of what is the user's alone, and
// whoever has routes of another release goes on owning them.
func TestDisowned(t *testing.T) {
	route := func(subset string) map[string]any {
		to := map[string]any{"host": "reviews"}
		if subset != "" {
			to["subset"] = subset
		}
		return map[string]any{"hosts": []any{"reviews"}, "http": []any{map[string]any{"route": []any{map[string]any{"destination": to}}}}}
	}
	owned := func(u *unstructured.Unstructured, managers ...string) *unstructured.Unstructured {
		var entries []metav1.ManagedFieldsEntry
		for _, m := range managers {
			entries = append(entries, metav1.ManagedFieldsEntry{Manager: m})
		}
		u.SetManagedFields(entries)
		return u
	}
	ours := fought("DestinationRule", "grayscale-reviews", map[string]any{"host": "reviews"})
	ours.SetLabels(map[string]string{intent.LabelService: "reviews", intent.LabelNamespace: "shop"})
	clone := fought("Deployment", "reviews-v3", nil)
	clone.SetLabels(map[string]string{intent.LabelTask: "task"})
	v := view{
		Snapshot: Snapshot{
			VirtualServices: []*unstructured.Unstructured{
				owned(fought("VirtualService", "left", route("")), "kubectl", FieldManager),
				owned(fought("VirtualService", "shared", route("grayscale-version")), FieldManager),
				owned(fought("VirtualService", "theirs", route("")), "kubectl"),
			},
			DestinationRules: []*unstructured.Unstructured{owned(ours, FieldManager), owned(fought("DestinationRule", "appended", nil), FieldManager)},
		},
		original: owned(fought("Deployment", "reviews-v1", nil), FieldManager),
		clone:    owned(clone, FieldManager),
	}
	var p Plan
	v.disown(&p)
	var got []string
	for _, c := range p.Changes {
		if c.Action != Disown || c.Why == "" {
			t.Errorf("%+v", c)
		}
		got = append(got, objectName(c.Before))
	}
	if want := []string{"VirtualService shop/left", "DestinationRule shop/appended", "Deployment shop/reviews-v1"}; !slices.Equal(got, want) {
		t.Errorf("lets go of %v, want %v", got, want)
	}
	clone.SetLabels(nil)
	p = Plan{}
	if v.disown(&p); len(p.Changes) != 4 {
		t.Errorf("a clone that was freed is not let go of: %v", p.Changes)
	}
}

// TestSuccessorsAlike: two rules that different callers go by have the grayscale
// version under different names, or one has it not: the route names one that both
// have, and what was done is not done again.
func TestSuccessorsAlike(t *testing.T) {
	subset := func(name, version string) any {
		return map[string]any{"name": name, "labels": map[string]any{"version": version}}
	}
	rule := func(name string, subsets ...any) *unstructured.Unstructured {
		return fought("DestinationRule", name, map[string]any{"host": "reviews", "subsets": subsets})
	}
	vs := fought("VirtualService", "reviews", map[string]any{"hosts": []any{"reviews"}, "http": []any{map[string]any{
		"route": []any{map[string]any{"destination": map[string]any{"host": "reviews", "subset": "v1"}}}}}})
	for name, rules := range map[string][]*unstructured.Unstructured{
		"one lacks it": {rule("a", subset("v1", "v1"), subset("two", "v2")), rule("b", subset("v1", "v1"))},
		"both have it": {rule("a", subset("v1", "v1"), subset("two", "v2")), rule("b", subset("v1", "v1"), subset("next", "v2"))},
		"alike":        {rule("a", subset("v1", "v1"), subset("two", "v2")), rule("b", subset("v1", "v1"), subset("two", "v2"))},
	} {
		t.Run(name, func(t *testing.T) {
			v := view{
				Snapshot: Snapshot{Key: types.NamespacedName{Namespace: "shop", Name: "reviews"}, VirtualServices: []*unstructured.Unstructured{vs}, DestinationRules: rules},
				claim:    &release.Status{Grayscale: release.Version{Version: "v2"}},
				routes:   []routing{{vs: vs}},
				versions: release.Versions{Label: "version", Original: "v1", Grayscale: "v2", OriginalLabels: map[string]string{"version": "v1"}, VersionLabels: []string{"version"}},
				rules:    route.RulesResult{Subsets: route.Subsets{"v1": {Pinned: true}}},
			}
			moves, changed := v.successors()
			for n, r := range rules {
				if after, ok := changed[r]; ok {
					v.DestinationRules[n] = after
				}
				if selector, _ := route.Selector(v.DestinationRules[n], moves["v1"]); selector["version"] != "v2" {
					t.Errorf("the route is to name %q, and %s has it as %v", moves["v1"], objectName(r), selector)
				}
			}
			if (len(changed) == 0) != (name == "alike") {
				t.Errorf("%d rules are changed", len(changed))
			}
			if again, more := v.successors(); len(more) != 0 || again["v1"] != moves["v1"] {
				t.Errorf("once more: %v after %v, and %d rules are changed", again, moves, len(more))
			}
		})
	}
}

// TestNamesAreSpared: what can't be made is not tried, and the rest is.
func TestNamesAreSpared(t *testing.T) {
	taken, free := fought("VirtualService", "grayscale-reviews", nil), fought("DestinationRule", "grayscale-reviews", nil)
	s := Snapshot{Namesakes: []*unstructured.Unstructured{taken}}
	changes := []Change{{Action: Create, Object: free}, {Action: Update, Before: taken, Object: taken}}
	p := Plan{Changes: append([]Change{{Action: Create, Object: taken.DeepCopy()}}, changes...)}
	s.spareNames(&p)
	if len(p.Changes) != 2 || p.Changes[0].Object != free || len(p.Refused) != 1 {
		t.Errorf("left are %v, refused %v", p.Changes, p.Refused)
	}
}

// TestUnrouted: a way that comes up while a release runs is told, unless its
// intent accepts it.
func TestUnrouted(t *testing.T) {
	service := fought("Service", "reviews", map[string]any{"selector": map[string]any{"app": "reviews"}})
	sibling := fought("Service", "all", map[string]any{"selector": map[string]any{"app": "reviews"}})
	asked := intent.Intent{}
	v := view{
		Snapshot: Snapshot{Service: service, Services: []*unstructured.Unstructured{service, sibling}, Ways: []Way{{What: "Ingress shop/front", Why: "leads to it", Right: "remove it"}}},
		versions: release.Versions{Label: "version", Original: "v1", Grayscale: "v2", OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"}},
		intent:   &asked,
	}
	v.Key.Namespace, v.Key.Name = "shop", "reviews"
	want := "Service shop/all selects the pods of both versions, and no VirtualService of Service shop/reviews holds for its callers; remove it, or change its selector, or accept the risk with grayscale.dev/accept: unrouted; " +
		"Ingress shop/front leads to it; remove it, or accept the risk with grayscale.dev/accept: unrouted"
	if got := v.unrouted(); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	asked.Accept = []intent.Risk{intent.Unrouted}
	if got := v.unrouted(); got != "" {
		t.Errorf("it is accepted, and told: %s", got)
	}
	v.intent = nil
	if got := v.unrouted(); got != "" {
		t.Errorf("it is cancelled, and told: %s", got)
	}
}
