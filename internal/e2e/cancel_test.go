package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// moment is one at which a release may be cancelled.
type moment struct {
	name  string
	image string // its tag; empty: v2, v3 …
	pairs []string
	until func(*world)
}

var earlyMoments = []moment{
	{name: "at once", until: func(*world) {}},
	{name: "while pods fail to start", image: "%s-crash", pairs: []string{"weight=20"}, until: func(w *world) { w.untilPhase(release.Starting) }},
	{name: "when it is ready", until: func(w *world) { w.untilPhase(release.Ready) }},
}

var lateMoments = []moment{
	{name: "at a share", pairs: []string{"weight=30"}, until: func(w *world) { w.untilLive("30") }},
	{name: "by content", pairs: []string{"match=[{headers: {x-a: {present: true}}}]"}, until: func(w *world) { w.untilDelivered() }},
	{name: "when it has taken over", pairs: []string{"traffic=grayscale"}, until: func(w *world) { w.untilPhase(release.TakenOver) }},
}

var otherMoments = []moment{
	{name: "with a mirror", pairs: []string{"mirror=50"}, until: func(w *world) { w.untilDelivered() }},
	{name: "of blue-green", pairs: []string{"form=blue-green", "traffic=grayscale"}, until: func(w *world) { w.untilPhase(release.TakenOver) }},
}

// cancelledAt cancels a release at each of these moments, one right after the
// other, and rolled out in the midst of it; in the end the original alone is there, and
// its roll-back brings nothing of a release back.
func cancelledAt(moments []moment) func(*testing.T) {
	return func(t *testing.T) {
		w := newWorld(t)
		w.bookshop()
		front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
		tr := w.traffic()
		for n, m := range moments {
			task, version := fmt.Sprintf("task-%d", n), fmt.Sprintf("v%d", n+2)
			tag := version
			if m.image != "" {
				tag = fmt.Sprintf(m.image, version)
			}
			tr.phase(m.name, only("v1", tag))
			w.annotate("reviews-v1", append([]string{"release=" + task, "image=" + tag}, m.pairs...)...)
			m.until(w)
			w.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1-"+task)
			w.annotate("reviews-v1", "end=cancel")
			w.untilEnded("reviews", task, release.Cancelled)
			tr.phase("after "+m.name, only("v1"))
			tr.seen(20)
			w.sameRoutes(front, mesh)
			w.undone("reviews-v1")
		}
		if got := names(w.list(deployments)); len(got) != 1 || got[0] != "reviews-v1" {
			t.Errorf("the Deployments are %v, want reviews-v1 alone", got)
		}
	}
}

// undone rolls a Deployment back after a release has ended: that brings no intent
// back, and starts nothing.
func (w *world) undone(deployment string) {
	w.t.Helper()
	w.rolledOut(deployment)
	before := len(w.list(deployments))
	w.kubectl("rollout", "undo", "deployment", deployment)
	w.rolledOut(deployment)
	w.clean()
	if s := w.status("reviews"); s != nil || len(w.list(deployments)) != before {
		w.t.Errorf("a roll-back of Deployment %s has started something: %s, Deployments %v", deployment, describe(s), names(w.list(deployments)))
	}
}

// cancelledFinishing: while a release finishes it can be cancelled until the
// original is deleted; then that is told and ignored. Either way one version is
// left and nothing fails.
func cancelledFinishing(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	tr.phase("finishing", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "traffic=grayscale", "end=finish")
	w.untilPhase(release.Finishing)
	w.annotate("reviews-v1", "end=cancel", "traffic=original")
	tr.settles("settling", "v2", "v1")
	tr.phase("cancelled", only("v1"))
	w.untilEnded("reviews", "first", release.Cancelled)
	w.clean()

	tr.phase("the same intent", only("v1"))
	out := w.kubectl(append([]string{"annotate", "deployment", "reviews-v1"}, annotations([]string{"release=first", "image=v2", "weight=50"})...)...)
	if !strings.Contains(out, "Warning") || !strings.Contains(out, "first") {
		t.Errorf("a spent name is taken without a warning that names it: %s", out)
	}
	tr.seen(100)
	if s := w.status("reviews"); s != nil || len(w.list(deployments)) != 1 {
		t.Errorf("a spent name has started something: %s, Deployments %v", describe(s), names(w.list(deployments)))
	}
	tr.phase("another name", only("v1", "v2"))
	w.annotate("reviews-v1", "release=second")
	w.untilLive("50")
	w.kubectl("annotate", "deployment", "reviews-v1", "grayscale.dev/release-")
	w.untilEnded("reviews", "second", release.Cancelled)
}

// cancels cancels a release of reviews-v1 whose grayscale version, version, has traffic:
// all of it goes back, and the release ends.
func (w *world) cancels(tr *traffic, task, version string) {
	w.t.Helper()
	w.annotate("reviews-v1", "end=cancel")
	tr.settles("back", version, "v1")
	tr.phase("cancelled", only("v1"))
	w.untilEnded("reviews", task, release.Cancelled)
}
