package e2e

import (
	"flag"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var slow = flag.Bool("slow", false, "the sidecar's istiod pushes seconds after the gateway's: run the scenarios for that alone")

// slowScenarios need a testbed with two istiods.
var slowScenarios = []scenario{
	{"Released", lagging},
	{"NoRoutes", laggingWithoutRoutes},
}

// lagging: two istiods are seconds apart, so that the gateway follows each step
// at once and the sidecar late. A whole release fails nothing, for what one of
// them still needs stays until the other has it, too.
func lagging(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	tr.wholeRelease(halfway{arrived: func() { tr.everywhere("v2") }, seen: 150})
	tr.more(100)
	w.sameRoutes(front, mesh)
	w.clean()
}

// laggingWithoutRoutes: the same for a Service whose routes are all ours, which
// is released and cancelled.
func laggingWithoutRoutes(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML())
	w.rolledOut("reviews-v1")
	tr := w.trafficTo("v1", throughSidecar(w.namespace, "reviews"))
	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.seen(100)
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=50")
	tr.everywhere("v2")
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(150)
	tr.phase("cancelling", only("v1", "v2"))
	w.cancels(tr, "first", "v2")
	tr.more(100)
	w.clean()
}
