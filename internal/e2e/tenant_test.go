package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// forged is what a tenant of another namespace may write there, to look like ours
// for the Service of $NS; for callers of his own namespace alone.
const forged = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: grayscale-reviews
  labels: {grayscale.dev/service: reviews, grayscale.dev/namespace: $NS}
spec:
  hosts: [reviews.$NS.svc.cluster.local]
  exportTo: ["."]
  http:
  - route: [{destination: {host: reviews.$NS.svc.cluster.local}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: grayscale-reviews
  labels: {grayscale.dev/service: reviews, grayscale.dev/namespace: $NS}
  annotations: {grayscale.dev/unused: "2999-01-01T00:00:00Z", grayscale.dev/calm: "2999-01-01T00:00:00Z"}
spec:
  host: reviews.$NS.svc.cluster.local
  exportTo: ["."]
`

// forgedByATenant: a tenant's objects with our labels and names neither hold a
// release up, nor its end, nor does a second Service that comes up for the
// clone's pods; no caller of the Service notices. The tenant's route stays as he
// wrote it. His rule is in nothing other than those that a release makes beside
// rules of other namespaces, and goes as they do.
func forgedByATenant(t *testing.T) {
	w, tenant := newWorld(t), newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tenant.apply(w.here(forged))
	before := tenant.meant()
	tr := w.traffic()
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(100)

	w.apply(strings.Replace(makeService("second", "reviews"), "app: reviews", "app: reviews, version: v2", 1))
	w.until("a word of the second Service", func(s *release.Status) bool {
		return degradedFor(s, release.ReasonUnrouted) && strings.Contains(s.Condition(release.Degraded).Message, "second")
	})
	tr.more(60)
	w.cancels(tr, "first", "v2")
	tr.seen(20)
	w.sameRoutes(front, mesh)
	w.clean()
	if got := names(slices.Concat(w.list(deployments), w.list(destinationRules))); len(got) != 1 || got[0] != "reviews-v1" {
		t.Errorf("beside the routes stand %v, want reviews-v1 alone", got)
	}
	if after := tenant.meant(); after != before {
		t.Errorf("the tenant's route is\n%s\nand was\n%s", after, before)
	}
	tenant.eventually("the forged rule to go", func() (bool, string) {
		left := names(tenant.list(destinationRules))
		return len(left) == 0, strings.Join(left, " ")
	})
}

// meant gives what its author can say of each route of the namespace.
func (w *world) meant() string {
	w.t.Helper()
	var all []string
	for _, u := range w.list(virtualServices) {
		u.SetManagedFields(nil)
		u.SetResourceVersion("")
		u.SetGeneration(0)
		text, err := json.MarshalIndent(u.Object, "", " ")
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "\n")
}
