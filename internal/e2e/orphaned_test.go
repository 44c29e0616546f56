package e2e

import (
	"strings"
	"testing"
	"time"
)

// orphaned: the controller is gone in the midst of two releases. What stands goes on,
// more of it is refused soon and clearly, and one is ended by cancel --local; then
// uninstall ends the other and leaves nothing of ours. No request notices.
func orphaned(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.bookshop()
	other.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr, too := w.traffic(), other.traffic()
	tr.phase("to 50 %", only("v1", "v2"))
	too.phase("to 50 %", only("v1", "v2"))
	for _, at := range []*world{w, other} {
		at.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
		at.untilLive("50")
	}
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	other.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1.1")
	other.rolledOut("reviews-v1")
	other.annotate("reviews-v1", "weight=60")
	other.untilLive("60")
	w.withoutController()

	begun := time.Now()
	out, err := w.once(w.namespace, "", "annotate", "deployment", "reviews-v1", "--overwrite", "grayscale.dev/weight=60")
	if took := time.Since(begun); err == nil || !strings.Contains(out, `failed calling webhook "mutate.deployments.grayscale.dev"`) || took > 3*time.Second {
		t.Errorf("more is asked for without a controller: %v after %s, want the API server's refusal within 3 s: %s", err, took, out)
	}
	w.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1.1")
	w.kubectl("rollout", "undo", "deployment", "reviews-v1")
	w.rolledOut("reviews-v1")
	if out, err := other.once(other.namespace, "", "rollout", "undo", "deployment", "reviews-v1"); err == nil || !strings.Contains(out, "failed calling webhook") {
		t.Errorf("a roll-back to an older intent without a controller: %v, want it refused: %s", err, out)
	}
	other.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1")
	other.rolledOut("reviews-v1")
	tr.seen(100)

	tr.phase("cancelled by hand", only("v1", "v2"))
	w.must("cancel", "first", "-n", w.namespace, "--local")
	tr.settles("settling", "v2", "v1")
	tr.phase("by hand", only("v1"))
	tr.seen(30)
	w.sameRoutes(front, mesh)
	if got := names(w.list(deployments)); len(got) != 1 || got[0] != "reviews-v1" {
		t.Errorf("the Deployments are %v, want reviews-v1 alone", got)
	}

	too.seen(100)
	too.phase("uninstalled", only("v1", "v2"))
	w.must("uninstall", "--cancel-running", "--purge")
	too.settles("settling", "v2", "v1")
	too.phase("after it", only("v1"))
	w.nothingOfOurs()
	tr.more(20)
	too.seen(20)
	w.installed()
}

// withoutController scales the controller to nothing; who installs it anew has it back.
func (w *world) withoutController() {
	w.t.Helper()
	for _, args := range [][]string{
		{"scale", "deployment", "grayscale-controller", "--replicas=0"},
		{"wait", "pod", "--for=delete", "-l", "app.kubernetes.io/component=controller", "--timeout=" + soon.String()},
	} {
		if out, err := w.tryIn("grayscale-system", "", args...); err != nil {
			w.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
