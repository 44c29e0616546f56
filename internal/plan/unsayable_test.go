package plan_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// TestUnsayableInDelegates: istiod drops silently what a root's match does not go
// with, so a rule in a delegate would have no effect: it is refused, with both
// names. What goes with it is no fault.
func TestUnsayableInDelegates(t *testing.T) {
	rootWith := func(match map[string]any) *unstructured.Unstructured {
		return istio("VirtualService", "shop", "root", map[string]any{
			"hosts": []any{"reviews"},
			"http":  []any{map[string]any{"name": "rest", "delegate": map[string]any{"name": "part"}, "match": []any{match}}},
		})
	}
	part := istio("VirtualService", "shop", "part", map[string]any{
		"http": []any{map[string]any{"name": "some", "route": []any{map[string]any{"destination": map[string]any{"host": "reviews"}}}}},
	})
	asked := intent.Intent{Match: []content.Rule{{Headers: map[string]content.Match{"x-a": {Kind: content.Exact, Value: "b"}}}}}
	subsets := route.Subsets{"": {Original: route.SubsetOriginal, Version: route.SubsetVersion}}
	faults := func(root *unstructured.Unstructured) intent.Faults {
		s := plan.Snapshot{Key: reviewsKey, VirtualServices: []*unstructured.Unstructured{root, part}, Settings: plan.Defaults}
		return plan.Unsayable(s, asked, subsets)
	}
	uri := map[string]any{"prefix": "/a"}
	got := faults(rootWith(map[string]any{"uri": uri, "ignoreUriCase": true})).Error()
	for _, word := range []string{"shop/part", "some", "shop/root", "rest", "ignoreUriCase"} {
		if !strings.Contains(got, word) {
			t.Errorf("the faults lack %q: %s", word, got)
		}
	}
	if got := faults(rootWith(map[string]any{"uri": uri})); len(got) != 0 {
		t.Errorf("a rule that goes with the root's is refused: %s", got.Error())
	}
}

// TestRootMirrors: a root's mirror to the Service, on a route that it delegates,
// is in no copy of ours, and would reach the grayscale version.
func TestRootMirrors(t *testing.T) {
	root := istio("VirtualService", "web", "root", map[string]any{
		"hosts": []any{"web.example"},
		"http": []any{map[string]any{
			"name": "rest", "delegate": map[string]any{"name": "part"},
			"mirror": map[string]any{"host": "reviews.shop.svc.cluster.local"},
		}},
	})
	with := func(s *plan.Snapshot) { s.VirtualServices = []*unstructured.Unstructured{root} }
	if got := strings.Join(refusals(plainService(), with), " "); !strings.Contains(got, "web/root") || !strings.Contains(got, "mirrors") {
		t.Errorf("refused with %q, want the root named", got)
	}
	if got := refusals(plainService(), with, intent.Unrouted); len(got) != 0 {
		t.Errorf("refused although it is accepted: %v", got)
	}
}
