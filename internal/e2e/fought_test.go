package e2e

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// fought: without the webhook that puts our routes back, a GitOps tool sets its
// own version of a VirtualService back every two seconds. The status says who,
// and what to paste; it is written again slower and slower, nothing fails, and
// once the tool lets go the policy stands again.
func fought(t *testing.T) {
	w := newWorld(t)
	w.bookshop(meshRule)
	tr := w.traffic()
	tr.phase("fought over", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	stop := w.setBack()
	s := w.until("Degraded, Fought", func(s *release.Status) bool { return degradedFor(s, release.ReasonFought) })
	for _, word := range []string{"argocd-controller", "VirtualService " + w.namespace + "/reviews", "ignoreDifferences", "managedFieldsManagers: [grayscale-controller]"} {
		if m := s.Condition(release.Degraded).Message; !strings.Contains(m, word) {
			t.Errorf("the status lacks %q: %s", word, m)
		}
	}
	before, begun := w.writes()["update virtualservices"], time.Now()
	w.eventually("20 s of fighting", func() (bool, string) { return time.Since(begun) > 20*time.Second, "" })
	// The gaps are 5, 10 and 20 s, and more when it has fought for a while.
	if n := w.writes()["update virtualservices"] - before; n > 3 {
		t.Errorf("%d writes in 20 s of somebody who sets them back every 2 s, want 3 at most", n)
	}
	if n := stop(); n < 5 {
		t.Errorf("the tool has set its version back %d times only", n)
	}
	w.untilLive("50")
	tr.settleOn("both answer", 40, "v1", "v2")
	tr.phase("let go", split("v1", "v2", 50))
	tr.seen(100)
	w.cancels(tr, "first", "v2")
}

// setBack is a GitOps tool that applies its own version of the routes every two
// seconds; what it gives stops that and counts.
func (w *world) setBack() (stop func() int) {
	w.t.Helper()
	var count atomic.Int64
	end := every(w, 2*time.Second, func() {
		if out, err := w.try(w.here(meshRoutes), "apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", "-"); err != nil {
			w.t.Errorf("the tool's apply: %v\n%s", err, out)
			return
		}
		count.Add(1)
	})
	return func() int {
		end()
		return int(count.Load())
	}
}

// ruleDeleted: somebody deletes our DestinationRule every two seconds, while routes
// name its subsets. It is made again each time, however often, and the status says
// so: only who called in the moment between may have failed.
func ruleDeleted(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	between := only("v1", "v2")
	between.failures = 1600 // of about 3,300, on a busy machine; slower and slower, it would be most of them
	tr.phase("deleted", between)
	var deleted atomic.Int64
	end := every(w, 2*time.Second, func() {
		out, err := w.try("", "delete", "destinationrule", "grayscale-reviews", "--ignore-not-found")
		if err != nil {
			w.t.Errorf("deleting our rule: %v\n%s", err, out)
		}
		if strings.Contains(out, "deleted") {
			deleted.Add(1)
		}
	})
	w.eventually("ten of them deleted", func() (bool, string) { return deleted.Load() >= 10, "" })
	end()
	s := w.until("Degraded, Fought", func(s *release.Status) bool { return degradedFor(s, release.ReasonFought) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, "DestinationRule "+w.namespace+"/grayscale-reviews") || !strings.Contains(m, "each time") {
		t.Errorf("the status says %s", m)
	}
	// What the last deletion did is the deleter's, until the rule made since has
	// stood for a while and every proxy answers by it.
	w.eventually("our rule to stand", func() (bool, string) {
		rule := w.get(destinationRules, "grayscale-reviews")
		if rule == nil {
			return false, "there is none"
		}
		age := time.Since(rule.GetCreationTimestamp().Time)
		return age > 3*time.Second, "it is " + age.String() + " old"
	})
	tr.wants["known again"] = between
	tr.settle("known again", "", settling)
	tr.settleOn("both answer", 40, "v1", "v2")
	tr.phase("let go", split("v1", "v2", 50))
	tr.seen(100)
	w.cancels(tr, "first", "v2")
	w.clean()
}
