package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// uninstalled: refused while a release runs; then nothing of ours is left but
// the histories; and it can be installed again.
func uninstalled(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	tr.phase("shares", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	if out, err := w.plugin("uninstall"); err == nil || !strings.Contains(out, "first") {
		t.Errorf("uninstall while a release runs: %v, want a refusal that names it: %s", err, out)
	}
	w.must("uninstall", "--cancel-running")
	tr.settles("after it", "v2", "v1")
	tr.phase("without a controller", only("v1"))
	w.clean()
	if got := w.history("reviews"); len(got) != 1 || got[0].Task != "first" {
		t.Errorf("the history is %+v, want the cancelled release", got)
	}
	w.nothingOfOurs(intent.AnnotationHistory)
	tr.seen(20)

	w.installed()
}

// installed installs the product as the testbed does.
func (w *world) installed() {
	w.t.Helper()
	w.must("install", "--image", "grayscale-controller:dev", "--propagation-delay", "3s", "--drain", "2s")
}

func (w *world) plugin(args ...string) (string, error) {
	out, err := exec.CommandContext(w.ctx, "kubectl", append([]string{"grayscale"}, args...)...).CombinedOutput()
	return string(out), err
}

func (w *world) must(args ...string) {
	w.t.Helper()
	if out, err := w.plugin(args...); err != nil {
		w.t.Fatalf("kubectl grayscale %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// nothingOfOurs looks at every object of the cluster, of whatever kind.
func (w *world) nothingOfOurs(besides ...string) {
	w.t.Helper()
	kinds := strings.Fields(w.kubectl("api-resources", "--verbs=list", "-o", "name"))
	out, err := exec.CommandContext(w.ctx, "kubectl", "get", "--all-namespaces", "-o", "json", strings.Join(kinds, ",")).Output()
	if err != nil {
		w.t.Fatalf("listing everything: %v", err)
	}
	var all unstructured.UnstructuredList
	if err := json.Unmarshal(out, &all); err != nil {
		w.t.Fatal(err)
	}
	if len(all.Items) < 50 {
		w.t.Fatalf("only %d objects were listed", len(all.Items))
	}
	for _, u := range all.Items {
		at := u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
		if u.GetKind() == "Event" || u.GetDeletionTimestamp() != nil && strings.HasPrefix(u.GetNamespace(), "e2e-") {
			continue // what happened stays told; what is on its way out goes
		}
		if strings.Contains(u.GetName(), "grayscale") {
			w.t.Errorf("left in the cluster: %s", at)
		}
		for _, left := range everyMark(&u, besides...) {
			w.t.Errorf("left in the cluster: %s: %s", at, left)
		}
	}
}
