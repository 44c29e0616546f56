package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

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

var scenarios = []scenario{
	{"finish: a route without a subset", []string{reviews, plainRoute}, wholeWay, release.Finished},
	{"finish: a route to subset v1", []string{reviews, subsetRoute, subsetRule}, wholeWay, release.Finished},
	{"finish: no VirtualService", []string{reviews}, wholeWay, release.Finished},
	{"finish: a gateway and the mesh", []string{reviews, gatewayRoute, plainRoute}, wholeWay, release.Finished},
	{"cancel: a route without a subset", []string{reviews, plainRoute}, back, release.Cancelled},
	{"cancel: a route to subset v1", []string{reviews, subsetRoute, subsetRule}, back, release.Cancelled},
	{"cancel: no VirtualService", []string{reviews}, back, release.Cancelled},
}

// TestScenarios runs each scenario, and pins every write of it down: how many
// there are is a promise.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
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
