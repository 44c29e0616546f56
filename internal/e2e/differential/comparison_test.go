package differential

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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

// comparison holds the two answers of every request against each other.
type comparison struct {
	w    *world
	ways []*way // the first half through the gateway, the others through the sidecar
	live map[string]*unstructured.Unstructured

	mu    sync.Mutex
	asked map[evaluate.Outcome]int
	wrong []string
	tally *tally
}

func newComparison(w *world) *comparison {
	c := &comparison{w: w, live: map[string]*unstructured.Unstructured{}, asked: map[evaluate.Outcome]int{}, tally: newTally(w)}
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

// ask sends the round's requests, by all connections at once.
func (c *comparison) ask(d dice, j judges) {
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
				expected, why := j.expect(q.seen())
				if why != "" {
					c.fail(q, expected, why)
				}
				if expected.Outcome == evaluate.Unrouted && len(expected.Destinations) == 0 {
					continue // a host of the world outside
				}
				c.compare(c.ways[at], q, expected)
			}
		})
	}
	group.Wait()
}

// compare asks, and where the answer is not one of those expected, asks again, so
// that the message says whether that repeats itself.
func (c *comparison) compare(w *way, q question, expected evaluate.Result) {
	a, err := w.ask(c.w.ctx, q)
	again := err != nil
	if again {
		a, err = w.ask(c.w.ctx, q) // a connection may have ended meanwhile
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if again {
		c.tally.doubtful++
	}
	c.asked[expected.Outcome]++
	if err != nil {
		c.wrong = append(c.wrong, err.Error())
		return
	}
	c.tally.count(c.w, expected)
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
	c.mu.Unlock()
	c.fail(q, expected, fmt.Sprintf("%s, but %s (so in %d of %d more)", a, why, same, more))
	c.mu.Lock()
}

// fail notes a disagreement.
func (c *comparison) fail(q question, expected evaluate.Result, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf("%s\n  %s\n  by %s, after %v\n%s", shown(q), why, expected.Route, expected.Trace, c.shown(q.slot)))
}

// enough are the requests that a run compares at least, however slow the machine is.
const enough = 1000

func (c *comparison) total() (total int) {
	for _, n := range c.asked {
		total += n
	}
	return total
}

// report fails the test for what was wrong.
func (c *comparison) report() {
	c.w.t.Helper()
	for n, wrong := range c.wrong {
		if n < 10 {
			c.w.t.Error(wrong)
		}
	}
	c.w.t.Logf("%d requests %v, %d disagreements", c.total(), c.asked, len(c.wrong))
	if len(c.wrong) == 0 {
		c.tally.check(c.w)
	}
}
