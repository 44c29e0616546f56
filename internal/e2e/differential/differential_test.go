package differential

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

const (
	// perRound is how many requests each slot gets by each of the two ways
	// before there are new routes.
	perRound = 60
	workers  = 4 // by each way
	// barrier is the Service whose VirtualService is written last in a round.
	barrier = "barrier"
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
	seed := setting(t, "DIFFERENTIAL_SEED", uint64(time.Now().UnixNano()))
	limit := time.Duration(setting(t, "DIFFERENTIAL_SECONDS", 40)) * time.Second
	t.Logf("DIFFERENTIAL_SEED=%d", seed)
	d := dice{rand.New(rand.NewPCG(seed, 0))}
	w := newWorld(t)
	c := newComparison(w)
	began := time.Now()
	for round := 0; time.Since(began) < limit && len(c.wrong) == 0; round++ {
		c.round(d, round)
	}
	c.report()
}

// comparison holds the two answers of every request against each other.
type comparison struct {
	w    *world
	ways []*way // the first half through the gateway, the others through the sidecar
	live map[string]*unstructured.Unstructured

	mu                 sync.Mutex
	asked              map[evaluate.Outcome]int
	wrong              []string
	unsure             int
	mean, variance, v2 float64
}

func newComparison(w *world) *comparison {
	c := &comparison{w: w, live: map[string]*unstructured.Unstructured{}, asked: map[evaluate.Outcome]int{}}
	for range workers {
		c.ways = append(c.ways, newWay(toGateway))
	}
	for range workers {
		c.ways = append(c.ways, newWay(toSidecar(barrier+"."+w.namespace)))
	}
	w.t.Cleanup(func() {
		for _, way := range c.ways {
			way.close()
		}
	})
	return c
}

// round gives the mesh new routes, waits until both proxies have them, and asks.
func (c *comparison) round(d dice, round int) {
	c.w.t.Helper()
	want := d.wide(c.w)
	for i := range slots {
		want = append(want, d.forSlot(c.w, i)...)
	}
	want = append(want, c.w.barrier(round))
	c.write(want)
	c.settle(round)
	var all []*unstructured.Unstructured
	for _, u := range c.live {
		all = append(all, u)
	}
	evaluator := evaluate.New(evaluate.Input{VirtualServices: all, Gateways: c.gateways()})
	c.ask(d, evaluator)
}

// shown are the VirtualServices that stand for a slot's hosts.
func (c *comparison) shown(slot int) string {
	text := ""
	for name, u := range c.live {
		if strings.HasPrefix(name, fmt.Sprintf("s%d-", slot)) || strings.HasPrefix(name, "wide") {
			spec, err := yaml.Marshal(u.Object["spec"])
			if err != nil {
				c.w.t.Fatal(err)
			}
			text += fmt.Sprintf("--- %s, created %s\n%s", name, u.GetCreationTimestamp(), spec)
		}
	}
	return text
}

// write makes the VirtualServices exactly these, the last one last.
func (c *comparison) write(want []*unstructured.Unstructured) {
	c.w.t.Helper()
	names := map[string]bool{}
	for _, u := range want {
		names[u.GetName()] = true
	}
	for name, u := range c.live {
		if !names[name] {
			if err := cluster.Delete(c.w.ctx, u); err != nil {
				c.w.t.Fatalf("deleting VirtualService %s: %v", name, err)
			}
			delete(c.live, name)
		}
	}
	for _, u := range want {
		err := error(nil)
		if before := c.live[u.GetName()]; before != nil {
			u.SetResourceVersion(before.GetResourceVersion())
			err = cluster.Update(c.w.ctx, u)
		} else {
			err = cluster.Create(c.w.ctx, u)
		}
		if err != nil {
			text, _ := yaml.Marshal(u.Object)
			c.w.t.Fatalf("writing (invalid: %v): %v\n%s", apierrors.IsInvalid(err), err, text)
		}
		c.live[u.GetName()] = u
	}
}

// barrier is a VirtualService that answers with the round's number: a proxy that
// does has all that was written before, because istiod sees the writes in order
// and sends the routes of a port together.
func (w *world) barrier(round int) *unstructured.Unstructured {
	return w.virtualService(barrier, []any{object{"directResponse": object{"status": int64(200), "body": object{"string": fmt.Sprintf("round %d", round)}}}},
		object{"hosts": []any{barrier, w.here("barrier.$NS.test")}, "gateways": []any{"front", "mesh"}})
}

func (c *comparison) settle(round int) {
	c.w.t.Helper()
	for _, at := range []struct {
		way  *way
		host string
	}{{c.ways[0], "barrier.$NS.test"}, {c.ways[workers], "barrier.$NS"}} {
		q := question{Request: evaluate.Request{Method: "GET", Path: "/", Host: c.w.here(at.host)}}
		c.w.eventually(fmt.Sprintf("the routes of round %d at %s", round, q.Host), func() (bool, string) {
			a, err := at.way.ask(c.w.ctx, q)
			if err != nil {
				return false, err.Error()
			}
			return a.body == fmt.Sprintf("round %d", round), a.String()
		})
	}
}

func (c *comparison) gateways() []*unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("networking.istio.io/v1")
	u.SetKind("Gateway")
	if err := cluster.Get(c.w.ctx, client.ObjectKey(types.NamespacedName{Namespace: c.w.namespace, Name: "front"}), u); err != nil {
		c.w.t.Fatalf("reading the Gateway: %v", err)
	}
	return []*unstructured.Unstructured{u}
}

// ask sends the round's requests, by all connections at once.
func (c *comparison) ask(d dice, evaluator *evaluate.Evaluator) {
	questions := make([][]question, len(c.ways))
	for n := range slots * perRound * 2 {
		byGateway := n%2 == 0
		i := d.IntN(slots)
		q := d.request(c.w, i, byGateway)
		if match := d.someMatch(c.live, i); match != nil && !d.one(4) {
			d.like(&q, match)
		}
		at := n / 2 % workers
		if !byGateway {
			at += workers
		}
		questions[at] = append(questions[at], q)
	}
	var group sync.WaitGroup
	for at, list := range questions {
		group.Go(func() {
			for _, q := range list {
				expected := evaluator.Evaluate(q.seen())
				if expected.Outcome == evaluate.Unrouted && len(expected.Destinations) == 0 {
					continue // a host of the world outside
				}
				c.compare(c.ways[at], q, expected)
			}
		})
	}
	group.Wait()
}

// someMatch gives a match of one of a slot's routes.
func (d dice) someMatch(live map[string]*unstructured.Unstructured, i int) object {
	u := live[fmt.Sprintf("s%d-%s", i, pick(d, "a", "b", "c"))]
	if u == nil {
		return nil
	}
	http, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	if len(http) == 0 {
		return nil
	}
	route, _ := pick(d, http...).(object)
	matches, _ := route["match"].([]any)
	if len(matches) == 0 {
		return nil
	}
	match, _ := pick(d, matches...).(object)
	return match
}

// compare asks, and where the answer is not one of those expected, asks again, so
// that the message says whether that repeats itself.
func (c *comparison) compare(w *way, q question, expected evaluate.Result) {
	a, err := w.ask(c.w.ctx, q)
	if err != nil {
		a, err = w.ask(c.w.ctx, q) // a connection may have ended meanwhile
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[expected.Outcome]++
	if err != nil {
		c.wrong = append(c.wrong, err.Error())
		return
	}
	c.count(expected, a)
	why := differs(expected, a)
	if why == "" {
		return
	}
	const more = 5
	same := 0
	for range more {
		if again, err := w.ask(c.w.ctx, q); err == nil && differs(expected, again) != "" {
			same++
		}
	}
	c.wrong = append(c.wrong, fmt.Sprintf("%s\n  %s, but %s (so in %d of %d more)\n  by %s, after %v\n%s",
		shown(q), a, why, same, more, expected.Route, expected.Trace, c.shown(q.slot)))
}

// count sums what the shares of the grayscale version let expect.
func (c *comparison) count(expected evaluate.Result, a answer) {
	if a.version == "" || expected.Outcome != evaluate.Forwarded {
		return
	}
	share, known := grayscale(expected)
	if !known {
		return
	}
	c.mean += share
	c.variance += share * (1 - share)
	if a.version == "v2" {
		c.v2++
	}
}

// report fails the test for what was wrong.
func (c *comparison) report() {
	total := 0
	for _, n := range c.asked {
		total += n
	}
	for n, wrong := range c.wrong {
		if n < 10 {
			c.w.t.Error(wrong)
		}
	}
	c.w.t.Logf("%d requests %v, %d disagreements", total, c.asked, len(c.wrong))
	deviation := math.Sqrt(c.variance)
	c.w.t.Logf("v2 answered %.0f, expected %.1f ± %.1f", c.v2, c.mean, deviation)
	if math.Abs(c.v2-c.mean) > 5*deviation+1e-6 {
		c.w.t.Errorf("v2 answered %.0f requests, expected %.1f ± %.1f", c.v2, c.mean, deviation)
	}
	if total < 1000 {
		c.w.t.Errorf("only %d requests were compared", total)
	}
}
