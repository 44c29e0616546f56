package e2e

import (
	"fmt"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// halfway says how a whole release goes at half the traffic.
type halfway struct {
	arrived func() // returns once the half has come everywhere
	answers want   // the zero value: half each
	seen    int    // requests by every way, at least
	then    func() // what else is looked at there; nil: nothing
}

// wholeRelease takes the Service from v1 to v2, at half the traffic in between.
// No request may fail or go astray at any time.
func (tr *traffic) wholeRelease(h halfway) {
	w := tr.w
	w.t.Helper()
	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.more(30)
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=50")
	w.untilLive("50")
	h.arrived()
	if h.answers.versions == nil {
		h.answers = split("v1", "v2", 50)
	}
	tr.phase("50 %", h.answers)
	tr.seen(h.seen)
	if h.then != nil {
		h.then()
	}
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale", "end=finish")
	tr.settles("settling", "v1", "v2")
	tr.phase("finishing", only("v2"))
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
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
