package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// unsayable: two releases by content share a VirtualService, and without the webhook
// that would put back what can be, the user restricts in both routes the parameter
// that both rules are about: neither rule can be said any more. All requests go
// back to the original versions, and each release can be cancelled.
func unsayable(t *testing.T) {
	w := newWorld(t)
	w.shares()
	toReviews, toRatings := throughGateway(w.namespace), throughGateway(w.namespace)
	toReviews.URL += "?v=2"
	toRatings.URL += "ratings?v=2"
	reviews, ratings := w.trafficTo("v1", toReviews), w.trafficTo("w1", toRatings)

	const rule = `match=[{query: {v: {regex: "2.*"}}}]`
	reviews.phase("rule on its way", only("v1", "v2"))
	ratings.phase("rule on its way", only("w1", "w2"))
	w.annotate("reviews-v1", "release=reviews-v2", "image=v2", rule)
	w.annotate("ratings-w1", "release=ratings-w2", "image=w2", rule)
	for _, service := range []string{"reviews", "ratings"} {
		w.eventually("the rule of "+service, func() (bool, string) {
			s := w.status(service)
			return s != nil && s.Live != nil && len(s.Live.Match) == 1, describe(s)
		})
	}
	reviews.settles("by the rule", "v1", "v2")
	ratings.settles("by the rule", "w1", "w2")
	reviews.phase("edited", only("v1", "v2"))
	ratings.phase("edited", only("w1", "w2"))
	w.restrict("front", map[string]any{"v": map[string]any{"regex": "[12].*"}})
	reviews.settles("unsaid", "v2", "v1")
	ratings.settles("unsaid", "w2", "w1")
	reviews.phase("neither can be said", only("v1"))
	ratings.phase("neither can be said", only("w1"))
	w.until("what can't be said", func(s *release.Status) bool { return degradedFor(s, release.ReasonRefused) })
	reviews.seen(50)
	w.annotate("reviews-v1", "end=cancel")
	w.annotate("ratings-w1", "end=cancel")
	w.untilEnded("reviews", "reviews-v2", release.Cancelled)
	w.untilEnded("ratings", "ratings-w2", release.Cancelled)
	w.clean()
}

// restrict adds parameters to every match of the user's own routes, those of ours
// staying where they are between them, as kubectl edit does.
func (w *world) restrict(name string, query map[string]any) {
	w.t.Helper()
	w.eventually("the edit", func() (bool, string) {
		vs := w.get(virtualServices, name)
		routes, _, err := unstructured.NestedSlice(vs.Object, "spec", "http")
		if err != nil {
			w.t.Fatal(err)
		}
		var patch []map[string]any
		for n, route := range routes {
			fields := route.(map[string]any)
			if text := fmt.Sprint(fields["route"]); strings.Contains(text, "subset:grayscale-") {
				continue
			}
			matches, _ := fields["match"].([]any)
			if len(matches) == 0 {
				matches = []any{map[string]any{}}
			}
			for _, match := range matches {
				match.(map[string]any)["queryParams"] = query
			}
			patch = append(patch, map[string]any{"op": "add", "path": fmt.Sprintf("/spec/http/%d/match", n), "value": matches})
		}
		patch = append(patch, map[string]any{"op": "test", "path": "/metadata/resourceVersion", "value": vs.GetResourceVersion()})
		text, err := json.Marshal(patch)
		if err != nil {
			w.t.Fatal(err)
		}
		out, err := w.try("", "patch", "virtualservice", name, "--type=json", "-p", string(text))
		return err == nil, out
	})
}
