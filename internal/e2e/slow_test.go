package e2e

import (
	"flag"
	"fmt"
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
	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.seen(100)
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=50")
	w.untilLive("50")
	tr.everywhere("v2")
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(150)
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale", "end=finish")
	tr.settles("settling", "v1", "v2")
	tr.phase("finishing", only("v2"))
	w.untilEnded("reviews", "first", release.Finished)
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
	w.annotate("reviews-v1", "end=cancel")
	tr.settles("back", "v2", "v1")
	tr.phase("cancelled", only("v1"))
	w.untilEnded("reviews", "first", release.Cancelled)
	tr.more(100)
	w.clean()
}

// everywhere waits until a version has answered by every way in this phase.
func (tr *traffic) everywhere(version string) {
	tr.w.t.Helper()
	tr.w.eventually(version+" by every way", func() (bool, string) {
		now := tr.Now()
		for _, c := range now.Targets {
			if c.Versions[version] == 0 {
				return false, fmt.Sprintf("%+v", now)
			}
		}
		return true, ""
	})
}
