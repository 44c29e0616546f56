package load

import (
	"maps"
	"slices"
	"sync"
)

// mostFailures is how many different failures are kept in words.
const mostFailures = 5

// Result is all that was counted.
type Result struct{ Phases []Phase }

// Phase is what was counted between two calls of Load.Phase.
type Phase struct {
	Name    string
	Targets map[string]Counts // by the target's name
}

// Counts are the requests of one target in one phase.
type Counts struct {
	Requests, Failed int            // Failed ones are among the Requests
	Versions         map[string]int // requests that did not fail, by the version that answered
	Failures         []string       // the first few different ones, in words
}

// Add gives the sum of two counts.
func (c Counts) Add(d Counts) Counts {
	sum := Counts{Requests: c.Requests + d.Requests, Failed: c.Failed + d.Failed, Versions: map[string]int{}}
	for _, part := range []map[string]int{c.Versions, d.Versions} {
		for version, n := range part {
			sum.Versions[version] += n
		}
	}
	sum.Failures = append(slices.Clone(c.Failures), d.Failures...)
	sum.Failures = sum.Failures[:min(len(sum.Failures), mostFailures)]
	return sum
}

// Total gives the counts of all targets together.
func (p Phase) Total() Counts {
	total := Counts{Versions: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		total = total.Add(p.Targets[name])
	}
	return total
}

// Total gives the counts of all phases together.
func (r Result) Total() Counts {
	total := Counts{Versions: map[string]int{}}
	for _, p := range r.Phases {
		total = total.Add(p.Total())
	}
	return total
}

// phase is a Phase that still grows.
type phase struct {
	name    string
	names   []string   // of the targets, as counters
	targets []*counter // in the order of the targets
}

// counter is safe for all workers of one target.
type counter struct {
	mu     sync.Mutex
	counts Counts
}

func newPhase(name string, targets []Target) *phase {
	p := &phase{name: name}
	for _, t := range targets {
		p.names = append(p.names, t.Name)
		p.targets = append(p.targets, &counter{counts: Counts{Versions: map[string]int{}}})
	}
	return p
}

func (p *phase) copy() Phase {
	out := Phase{Name: p.name, Targets: map[string]Counts{}}
	for n, c := range p.targets {
		out.Targets[p.names[n]] = c.copy()
	}
	return out
}

func (c *counter) copy() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counts{}.Add(c.counts)
}

func (c *counter) add(version string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Requests++
	if err == nil {
		c.counts.Versions[version]++
		return
	}
	c.counts.Failed++
	if words := err.Error(); len(c.counts.Failures) < mostFailures && !slices.Contains(c.counts.Failures, words) {
		c.counts.Failures = append(c.counts.Failures, words)
	}
}
