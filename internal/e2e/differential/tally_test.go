package differential

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// sigmas is how many standard deviations a count may be away.
const sigmas = 6

// tally is how many requests each of Envoy's clusters should have got: what the
// shares, faults and mirrors of all results let expect. One answer shows neither
// shares nor mirrors; the proxies' own counts do.
type tally struct {
	before         map[string]int
	mean, variance map[string]float64
	doubtful       int // requests of which nobody knows whether they arrived
}

func newTally(w *world) *tally {
	return &tally{before: w.counts(), mean: map[string]float64{}, variance: map[string]float64{}}
}

// count adds one request.
func (t *tally) count(w *world, expected evaluate.Result) {
	goesOn := 1.0
	if f := expected.Fault; f != nil {
		goesOn -= float64(f.AbortPerMillion) / 1e6
	}
	reached := 0.0
	for _, d := range expected.Destinations {
		share, _ := d.Share.Float64()
		if name, ok := w.exists(d.Host, d.Subset); ok {
			t.add(name, goesOn*share)
			reached += goesOn * share
		}
	}
	// Without a destination there is no copy.
	for _, m := range expected.Mirrors {
		if name, ok := w.exists(m.Host, m.Subset); ok {
			t.add(name, reached*float64(m.PerMillion)/1e6)
		}
	}
}

func (t *tally) add(cluster string, p float64) {
	t.mean[cluster] += p
	t.variance[cluster] += p * (1 - p)
}

// exists gives the cluster of a destination, if there is one.
func (w *world) exists(host, subset string) (cluster string, ok bool) {
	service, ok := strings.CutSuffix(host, "."+w.namespace+".svc.cluster.local")
	if _, known := versions[subset]; !ok || subset != "" && (!known || service == "ratings") {
		return "", false
	}
	return w.cluster(service, subset), true
}

// check compares with what the proxies have counted.
func (t *tally) check(w *world) {
	w.t.Helper()
	requests, mirrors := 0, 0
	w.eventually("the clusters' counts are as expected", func() (bool, string) {
		requests, mirrors = 0, 0
		var wrong []string
		for name, n := range w.counts() {
			n -= t.before[name]
			deviation := math.Sqrt(t.variance[name])
			if math.Abs(float64(n)-t.mean[name]) > sigmas*deviation+float64(t.doubtful)+0.5 {
				wrong = append(wrong, fmt.Sprintf("%s got %d, expected %.1f ± %.1f", name, n, t.mean[name], deviation))
			}
			requests += n
			if strings.Contains(name, "|grayscale-mirror|") {
				mirrors += n
			}
		}
		slices.Sort(wrong)
		return len(wrong) == 0, strings.Join(wrong, "; ")
	})
	w.t.Logf("%d requests in %d clusters, %d of them mirrored by a policy, %d doubtful", requests, len(t.mean), mirrors, t.doubtful)
}

// counts gives how many requests each cluster of the world's has got by both
// proxies, but for that of the barrier, which is asked at any time.
func (w *world) counts() map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, proxy := range proxies() {
		text, err := w.admin(proxy, "/stats?filter=upstream_rq_total")
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			name, ok := strings.CutSuffix(name, ";.upstream_rq_total")
			name, inside := strings.CutPrefix(name, "cluster.")
			n, err := strconv.Atoi(value)
			if ok && inside && err == nil && strings.HasSuffix(name, "."+w.namespace+".svc.cluster.local") && name != w.cluster(barrier, "") {
				out[name] += n
			}
		}
	}
	return out
}
