package e2e

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// annotationAlone: nothing but kubectl annotate drives a release from v1 to v2
// by shares, a second one from v2 to v3, which is cancelled, and a third.
func annotationAlone(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()

	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.seen(100) // not one of them reaches v2
	tr.phase("to 10 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=10")
	w.untilLive("10")
	tr.more(30)
	tr.phase("10 %", split("v1", "v2", 10))
	tr.seen(400)
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=50")
	w.untilLive("50")
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(400)
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	tr.settles("settling on v2", "v1", "v2")
	tr.phase("taken over", only("v2"))
	tr.seen(100)
	w.annotate("reviews-v1", "end=finish")
	w.untilEnded("reviews", "first", release.Finished)
	w.sameRoutes(front, mesh)
	w.clean()

	w.annotate("reviews-v2", "release=second", "image=v3", "weight=50")
	tr.phase("second at 50 %", only("v2", "v3"))
	w.untilLive("50")
	w.annotate("reviews-v2", "end=cancel")
	tr.settles("settling back", "v3", "v2")
	tr.phase("cancelling", only("v2"))
	w.untilEnded("reviews", "second", release.Cancelled)
	w.sameRoutes(front, mesh)
	w.clean()

	tr.phase("third", only("v2", "v4"))
	w.annotate("reviews-v2", "release=third", "image=v4", "traffic=grayscale", "end=finish")
	w.untilEnded("reviews", "third", release.Finished)
	w.sameRoutes(front, mesh)
	w.clean()
	if got := names(w.list(deployments)); len(got) != 1 || got[0] != "reviews-v4" {
		t.Errorf("the Deployments are %v, want reviews-v4 alone", got)
	}
}

// sameRoutes says whether the user's own routes are what they were.
func (w *world) sameRoutes(front, mesh string) {
	w.t.Helper()
	for name, before := range map[string]string{"front": front, "reviews": mesh} {
		if after := spec(w.t, w.get(virtualServices, name)); after != before {
			w.t.Errorf("VirtualService %s is\n%s\nand was\n%s", name, after, before)
		}
	}
}
