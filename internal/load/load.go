// Package load sends requests to a mesh all the while something happens to it,
// and counts what came back. Every answer is checked, so that a release can be
// shown to fail none: a thing that only the client sees.
package load

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Deadline is how long one request may take; then it counts as failed.
const Deadline = 15 * time.Second

// Target is one way to a Service, with the clients that send by it.
type Target struct {
	Name   string      // in the counts, unique: "gateway"
	URL    string      // requests are GETs of it
	Host   string      // Host header; empty: that of the URL
	Proxy  string      // URL of an HTTP proxy; empty: none
	Header http.Header // on every request, besides
	// Workers send one request after the other, each on its own connection; 0 is 1.
	Workers int
	// Rate is in requests a second, all workers together; 0: as fast as answers come.
	Rate int
	// Upstream counts the version that the answering pod called, the last in the
	// chain, instead of its own.
	Upstream bool
	// Do asks once, instead of a GET of the URL, and gives the version that has
	// answered: for what is no HTTP.
	Do func(context.Context) (version string, err error)
}

// Load is a number of clients that send until they are stopped.
type Load struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup
	targets []Target
	current atomic.Pointer[phase]

	mu     sync.Mutex
	phases []*phase
}

// Start begins to send to all targets, in a phase named "start", until Stop is
// called or ctx ends. A target whose URL or Proxy is not one makes every of its
// requests a failure that says so.
func Start(ctx context.Context, targets ...Target) *Load {
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{cancel: cancel, targets: targets}
	l.Phase("start")
	for n, t := range targets {
		client := newClient(t)
		for worker := range max(t.Workers, 1) {
			pace := newPace(t, worker)
			l.workers.Go(func() {
				for pace.wait(ctx) {
					// The phase is the one in which the request begins.
					counter := l.current.Load().targets[n]
					counter.add(client.send(context.WithoutCancel(ctx)))
				}
			})
		}
	}
	return l
}

// Phase begins a new phase: from now on counts go there. A request counts to
// the phase in which it began. A phase without a request is kept, too.
func (l *Load) Phase(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := newPhase(name, l.targets)
	l.phases = append(l.phases, p)
	l.current.Store(p)
}

// Now copies the current phase as it stands.
func (l *Load) Now() Phase { return l.current.Load().copy() }

// Stop sends no more, waits for the requests under way, and gives the counts.
func (l *Load) Stop() Result {
	l.cancel()
	l.workers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var r Result
	for _, p := range l.phases {
		r.Phases = append(r.Phases, p.copy())
	}
	return r
}
