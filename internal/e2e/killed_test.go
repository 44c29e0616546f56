package e2e

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// killed: the controller is killed ten times during a release, at each of its
// steps right after it was asked for and once more at some moment later. The
// end is the same, and nobody sees anything of it.
func killed(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	for n, step := range []struct {
		name  string
		pairs []string
		want  want
	}{
		{"start", []string{"release=first", "image=v2"}, only("v1")},
		{"10 %", []string{"weight=10"}, only("v1", "v2")},
		{"50 %", []string{"weight=50"}, only("v1", "v2")},
		{"all", []string{"traffic=grayscale"}, only("v1", "v2")},
		{"finish", []string{"end=finish"}, only("v1", "v2")},
	} {
		tr.phase(step.name, step.want)
		w.annotateInTheEnd("reviews-v1", step.pairs...)
		w.killController()
		w.controllerServes()
		tr.more(15 * n)
		w.killController()
		if step.name == "start" {
			w.untilPhase(release.Ready) // no request to v2 until then, and after
			tr.more(20)
		}
	}
	w.untilEnded("reviews", "first", release.Finished)
	tr.settles("settling", "v1", "v2")
	tr.phase("finished", only("v2"))
	tr.seen(20)
	w.sameRoutes(front, mesh)
	w.clean()
	if got := names(w.list(deployments)); len(got) != 1 || got[0] != "reviews-v2" {
		t.Errorf("the Deployments are %v, want reviews-v2 alone", got)
	}
}

// annotateInTheEnd annotates until the write is admitted: while the controller
// is down, a write that asks for something is refused.
func (w *world) annotateInTheEnd(deployment string, pairs ...string) {
	w.t.Helper()
	w.eventually("an annotation to be admitted", func() (bool, string) {
		out, err := w.try("", append([]string{"annotate", "deployment", deployment, "--overwrite"}, annotations(pairs)...)...)
		return err == nil, out
	})
}
