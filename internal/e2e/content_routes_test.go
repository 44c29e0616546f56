package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// contentMeddled: a Service without routes is released by mirror and by content;
// then the user's own routes come, with a match of their own, and go again. Who a
// rule names goes on to the grayscale version, and nobody else does.
func contentMeddled(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML())
	w.rolledOut("reviews-v1")
	insider := with(throughSidecar(w.namespace, "reviews"), "insider", http.Header{"X-User": {"one-of-us"}, "End-User": {"jason"}})
	other := with(throughSidecar(w.namespace, "reviews"), "other", http.Header{"X-User": {"one-of-them"}})
	tr := w.trafficTo("v1", insider, other)
	w.annotate("reviews-v1", "release=first", "image=v2", "mirror=50")
	w.untilDelivered()
	w.copied("grayscale-mirror")

	own := func(there bool) {
		t.Helper()
		w.eventually("the VirtualServices to change hands", func() (bool, string) {
			got := strings.Join(names(w.list(virtualServices)), " ")
			return strings.Contains(got, "grayscale-") == there, got
		})
		w.untilDelivered()
	}
	tr.phase("rule on its way", only("v1").but(only("v1", "v2"), "insider"))
	w.annotate("reviews-v1", "mirror-", `match=[{headers: {x-user: {prefix: one-of-us}}}]`)
	own(true)
	tr.seen(30)
	rule := only("v1").but(only("v2"), "insider")
	tr.phase("by ours", rule)
	tr.seen(50)
	w.apply(meshRoutes) // which has a route for jason, whom the rule names
	own(false)
	tr.seen(150)
	tr.phase("the user's deleted", only("v1", "v2")) // with it went the pins
	w.kubectl("delete", "virtualservice", "reviews")
	own(true)
	tr.more(30)
	tr.phase("by ours again", rule)
	tr.seen(50)
	w.cancels(tr, "first", "v2")
	if left := w.list(virtualServices); len(left) != 0 {
		t.Errorf("left behind: VirtualServices %v", names(left))
	}
	w.clean()
}
