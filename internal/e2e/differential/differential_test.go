package differential

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, or uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Whatever routes and policies there are, every request is answered as the
// evaluator says. DIFFERENTIAL_SEED repeats a run, DIFFERENTIAL_SECONDS makes it
// longer or shorter.
func TestEnvoyDoesWhatTheEvaluatorSays(t *testing.T) {
	run(t, time.Duration(setting(t, "DIFFERENTIAL_SECONDS", 35))*time.Second, false)
}

// An Envoy before 1.39 compares all lines of a header as one value: the same, with
// that behaviour switched back on.
func TestAnOlderEnvoyDoesToo(t *testing.T) {
	run(t, time.Duration(setting(t, "DIFFERENTIAL_SECONDS", 35))*time.Second/4, true)
}

func run(t *testing.T, limit time.Duration, older bool) {
	t.Helper()
	seed := setting(t, "DIFFERENTIAL_SEED", uint64(time.Now().UnixNano()))
	t.Logf("DIFFERENTIAL_SEED=%d", seed)
	d := dice{rand.New(rand.NewPCG(seed, 0))}
	w := newWorld(t)
	w.older = older
	if older {
		w.joinHeaders()
	}
	c := newComparison(w)
	began := time.Now()
	for round := 0; (time.Since(began) < limit || c.total() < enough) && len(c.wrong) == 0; round++ {
		c.round(d, round)
	}
	c.report()
}
