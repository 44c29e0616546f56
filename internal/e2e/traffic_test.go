package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// sigmas is how many standard deviations a share may be away.
const sigmas = 5

// traffic is the clients of one world: every answer of theirs is judged.
type traffic struct {
	*load.Load
	w      *world
	wants  map[string]want // by the phase's name
	result load.Result
	done   bool
	quiet  bool // says nothing of phases in which all was well

	failed, wrong int // answers, once judged
}

// want is what the answers of a phase must be.
type want struct {
	versions []string // no others may answer
	version  string   // whose share is judged; empty: none is
	share    float64
	failures int // that are tolerated
	// other holds for the targets that are named in it, instead of all this.
	other map[string]want
}

// only wants answers of these versions.
func only(versions ...string) want { return want{versions: versions} }

// split wants two versions, the second with that share in percent.
func split(original, grayscale string, percent float64) want {
	return want{versions: []string{original, grayscale}, version: grayscale, share: percent / 100}
}

// but wants something else of some targets.
func (w want) but(other want, targets ...string) want {
	out := w
	out.other = maps.Clone(w.other)
	if out.other == nil {
		out.other = map[string]want{}
	}
	for _, name := range targets {
		out.other[name] = other
	}
	return out
}

func throughGateway(namespace string) load.Target {
	return load.Target{Name: "gateway", URL: os.Getenv("GATEWAY_URL") + "/", Host: namespace + ".test", Workers: 3, Rate: 75}
}

func throughSidecar(namespace, service string) load.Target {
	return load.Target{Name: "sidecar", URL: "http://" + service + "." + namespace + ":9080/", Proxy: os.Getenv("MESH_PROXY"), Workers: 3, Rate: 75}
}

// traffic sends to reviews by the gateway and by the sidecar until the test
// ends, and begins a phase in which only v1 may answer.
func (w *world) traffic() *traffic {
	w.t.Helper()
	return w.trafficTo("v1", throughGateway(w.namespace), throughSidecar(w.namespace, "reviews"))
}

// trafficTo returns once every proxy knows the way: all targets are answered,
// by that version only; an empty one means any.
func (w *world) trafficTo(version string, targets ...load.Target) *traffic {
	w.t.Helper()
	tr := &traffic{Load: load.Start(w.ctx, targets...), w: w, wants: map[string]want{}}
	w.t.Cleanup(func() { tr.judge() })
	tr.settle(warmUp, version, soon)
	if version != "" {
		tr.phase("before", only(version))
	}
	return tr
}

const warmUp = "warm-up" // before every proxy knows the way, answers mean nothing

// phase begins a phase in which the answers must be as wanted.
func (tr *traffic) phase(name string, w want) {
	tr.w.t.Helper()
	if _, used := tr.wants[name]; used {
		tr.w.t.Fatalf("two phases are named %s", name)
	}
	tr.wants[name] = w
	tr.Phase(name)
}

// seen waits until that many requests of every target began in this phase.
func (tr *traffic) seen(n int) {
	tr.w.t.Helper()
	tr.w.eventually(fmt.Sprintf("%d requests by every way", n), func() (bool, string) {
		now := tr.Now()
		for _, c := range now.Targets {
			if c.Requests < n {
				return false, fmt.Sprintf("%+v", now)
			}
		}
		return true, ""
	})
}

// more waits until that many requests more of every target began than now: what
// the status calls delivered reaches the proxies a moment later.
func (tr *traffic) more(n int) {
	tr.w.t.Helper()
	before := tr.Now()
	tr.w.eventually(fmt.Sprintf("%d requests more by every way", n), func() (bool, string) {
		now := tr.Now()
		for name, c := range now.Targets {
			if c.Requests < before.Targets[name].Requests+n {
				return false, fmt.Sprintf("%+v", now)
			}
		}
		return true, ""
	})
}

// settle begins phases until one has answers of that version only (empty: of
// any), and no failure: from then on there must not be another.
func (tr *traffic) settle(name, version string, limit time.Duration) {
	tr.w.t.Helper()
	tr.Phase(name)
	tr.w.within(limit, name+": answers of "+version+" only", func() (bool, string) {
		now := tr.Now()
		total := now.Total()
		if total.Failed > 0 || version != "" && total.Versions[version] != total.Requests {
			tr.Phase(name)
			return false, fmt.Sprintf("%+v", total)
		}
		for _, c := range now.Targets {
			if c.Requests < 15 {
				return false, fmt.Sprintf("%+v", total)
			}
		}
		return true, ""
	})
}

// settling bounds how long proxies may lag behind a share that status calls
// delivered, or that was asked to go back: a fraction of a second at rest.
const settling = 15 * time.Second

// settles lets a new share reach every proxy: answers of these versions are
// right meanwhile, and at the end it is the last one's alone.
func (tr *traffic) settles(name string, versions ...string) {
	tr.w.t.Helper()
	if _, used := tr.wants[name]; !used {
		tr.wants[name] = only(versions...)
	}
	tr.settle(name, versions[len(versions)-1], settling)
}

// judge stops the traffic and fails the test for every wrong answer.
func (tr *traffic) judge() load.Result {
	tr.w.t.Helper()
	if tr.done {
		return tr.result
	}
	tr.result, tr.done = tr.Stop(), true
	for _, p := range tr.result.Phases {
		total := p.Total()
		if total.Requests == 0 || p.Name == "start" || p.Name == warmUp {
			continue
		}
		if !tr.quiet {
			tr.w.t.Logf("%-28s %s", p.Name, counts(total))
		}
		w, known := tr.wants[p.Name]
		if !known {
			tr.w.t.Errorf("phase %s was not expected", p.Name)
			continue
		}
		tr.failed += total.Failed
		tr.wrong += w.judge(tr.w.t, p, total)
	}
	return tr.result
}

func counts(c load.Counts) string {
	s := fmt.Sprintf("%5d requests, %d failed", c.Requests, c.Failed)
	for _, version := range slices.Sorted(maps.Keys(c.Versions)) {
		s += fmt.Sprintf(", %s %.1f %%", version, 100*float64(c.Versions[version])/float64(c.Requests-c.Failed))
	}
	return s
}

// of is what is wanted of one target.
func (w want) of(target string) want {
	if other, ok := w.other[target]; ok {
		return other
	}
	return w
}

// judge fails the test for what is not as wanted, and counts the answers of a
// wrong version.
func (w want) judge(t *testing.T, p load.Phase, total load.Counts) (wrong int) {
	t.Helper()
	if total.Failed > w.failures {
		t.Errorf("phase %s: %d of %d requests failed, %d may: %s", p.Name, total.Failed, total.Requests, w.failures, strings.Join(total.Failures, "; "))
	}
	for way, c := range p.Targets {
		w := w.of(way)
		for version, n := range c.Versions {
			if !slices.Contains(w.versions, version) {
				wrong += n
				t.Errorf("phase %s, %s: %d of %d answers are of version %s, want only %v", p.Name, way, n, c.Requests, version, w.versions)
			}
		}
		answered := c.Requests - c.Failed
		if w.version != "" && !load.Within(w.share, answered, c.Versions[w.version], sigmas) {
			low, high := load.Interval(answered, c.Versions[w.version], sigmas)
			t.Errorf("phase %s, %s: version %s gave %d of %d answers, a share of %.1f to %.1f %%, want %.1f %%", p.Name, way, w.version, c.Versions[w.version], answered, 100*low, 100*high, 100*w.share)
		}
	}
	return wrong
}
