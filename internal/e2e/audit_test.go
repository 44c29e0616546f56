package e2e

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// writes counts the controller's writes in the namespace so far, events apart,
// by verb and resource: "update virtualservices".
func (w *world) writes() map[string]int {
	w.t.Helper()
	f, err := os.Open(os.Getenv("AUDIT_LOG"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	out := map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Stage, Verb string
			User        struct{ Username string }
			ObjectRef   struct{ Namespace, Resource, Subresource string }
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the last line may be half written
		}
		writes := slices.Contains([]string{"create", "update", "patch", "delete"}, e.Verb)
		if writes && e.Stage == "ResponseComplete" && e.User.Username == controllerUser && e.ObjectRef.Namespace == w.namespace && e.ObjectRef.Resource != "events" {
			what := e.Verb + " " + e.ObjectRef.Resource
			if e.ObjectRef.Subresource != "" {
				what += "/" + e.ObjectRef.Subresource
			}
			out[what]++
		}
	}
	if err := lines.Err(); err != nil {
		w.t.Fatalf("reading the audit log: %v", err)
	}
	return out
}

// since subtracts what had been written before.
func since(before, now map[string]int) map[string]int {
	out := maps.Clone(now)
	for what, n := range before {
		if out[what] -= n; out[what] == 0 {
			delete(out, what)
		}
	}
	return out
}

// counted: what a step costs is counted by the API server itself.
func counted(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	tr.phase("shares", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=10")
	w.untilLive("10")
	w.quiet(tr)

	before := w.writes()
	w.annotate("reviews-v1", "weight=20")
	w.untilLive("20")
	w.quiet(tr)
	// One write for each of the two VirtualServices, and one status.
	if got, want := since(before, w.writes()), map[string]int{"update virtualservices": 2, "patch services": 1}; !maps.Equal(got, want) {
		t.Errorf("a step wrote %v, want %v", got, want)
	}

	before = w.writes()
	w.annotate("reviews-v1", "weight=100")
	w.untilPhase(release.TakenOver)
	w.quiet(tr)
	got := since(before, w.writes())
	if got["patch deployments/scale"] != 1 || got["update virtualservices"] != 2 || got["patch services"] > 2 {
		t.Errorf("a step with a scale wrote %v, want one scale, two VirtualServices, at most two statuses", got)
	}

	before = w.writes()
	passes := w.passes()
	w.kubectl("annotate", "virtualservice", "reviews", "example.com/touched=yes")
	w.eventually("a pass", func() (bool, string) { return w.passes() > passes, "none" })
	w.quiet(tr)
	if got := since(before, w.writes()); len(got) != 0 {
		t.Errorf("passes with nothing to do wrote %v", got)
	}
	w.annotate("reviews-v1", "end=cancel")
	w.untilEnded("reviews", "first", release.Cancelled)
	w.clean()
}

// quiet watches the controller until it has made no pass while a good many
// requests were sent.
func (w *world) quiet(tr *traffic) {
	w.t.Helper()
	w.eventually("the controller to be quiet", func() (bool, string) {
		passes := w.passes()
		tr.more(60)
		return w.passes() == passes, "it makes passes"
	})
}
