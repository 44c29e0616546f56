package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestMain collects garbage more rarely: these tests make a lot of it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write the golden files anew")

// step is what somebody does before the controller is let go on until nothing
// is left to do.
type step func(*cluster)

func annotate(pairs ...string) step {
	return func(c *cluster) { c.annotate("shop/reviews-v1", pairs...) }
}

// asks is an intent that starts a release of reviews.
func asks(more ...string) step {
	return annotate(append([]string{"release=reviews-v2", "image=2.0", "version=v2", "finish=replace"}, more...)...)
}

type scenario struct {
	name  string
	world []string
	steps []step
	end   release.Phase // empty: the release goes on, or there is none
}

func (s scenario) run(t tester, prepare func(*cluster)) *cluster {
	t.Helper()
	c := newCluster(t, s.world...)
	if prepare != nil {
		prepare(c)
	}
	for _, do := range s.steps {
		do(c)
		c.settle()
	}
	if s.end != "" {
		c.theEnd(s.end)
	}
	return c
}

// wholeWay is a release from the first annotation to the last.
var wholeWay = []step{asks(), annotate("weight=10"), annotate("weight=25"), annotate("weight=0.5"), annotate("traffic=grayscale"), annotate("end=finish")}

// shortWay is the same with fewer steps.
var shortWay = []step{asks("weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}

// back is a release that is taken back.
var back = []step{asks("weight=50"), annotate("end=cancel")}

// TestScenarios runs each scenario, and pins every write of it down: how many
// there are is a promise.
func TestScenarios(t *testing.T) {
	for _, s := range all() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			golden(t, s.name, s.run(t, nil).transcript())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "scenarios", fileName(name)+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (write it anew with -update); got:\n%s", path, got)
	}
}

func fileName(name string) string {
	out := []rune(name)
	for n, r := range out {
		if r == ' ' || r == ':' || r == ',' {
			out[n] = '-'
		}
	}
	return string(out)
}

// TestShortDrain: however short the drain, a version is not deleted before
// every proxy knows that it has no more traffic.
func TestShortDrain(t *testing.T) {
	for _, steps := range [][]step{shortWay, back} {
		scenario{world: strict, steps: steps}.run(t, func(c *cluster) { c.settings.Drain = time.Second })
	}
}
