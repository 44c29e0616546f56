package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/show"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

const (
	gateway = "gateway"
	sidecar = "sidecar"

	// rate is in requests a second on each path, as far as the machine can.
	rate    = 1000
	workers = 16

	frame  = 200 * time.Millisecond // between two pictures of the live line
	window = 2 * time.Second        // what "now" means on the live line
)

// paths are the ways to reviews, in the order in which they are shown.
var paths = []string{gateway, sidecar}

// targets are the clients: anybody, from outside through productpage; and
// jason, for whom the app has a rule of its own, from inside.
func (p place) targets() []load.Target {
	return []load.Target{
		{Name: gateway, URL: p.gateway + "/reviews/0", Host: "bookinfo.example.com", Upstream: true, Workers: workers, Rate: rate},
		{Name: sidecar, URL: "http://reviews:9080/reviews/0", Proxy: p.proxy, Header: http.Header{"end-user": {"jason"}}, Workers: workers, Rate: rate},
	}
}

// traffic is the load with what is expected of it, phase by phase.
type traffic struct {
	load   *load.Load
	begun  time.Time
	screen *show.Screen

	mu      sync.Mutex
	expect  []judge.Expect
	failed  int // in the phases before
	samples []sample
}

// sample is the state of a phase's counts at one moment.
type sample struct {
	at                       time.Time
	requests, answers, newer int
}

// startTraffic begins to send, in a first phase.
func startTraffic(ctx context.Context, p place, screen *show.Screen, first judge.Expect) *traffic {
	now := time.Now()
	return &traffic{load: load.Start(ctx, p.targets()...), begun: now, screen: screen, expect: []judge.Expect{first}, samples: []sample{{at: now}}}
}

// begin begins the next phase: what is asked from now on.
func (t *traffic) begin(e judge.Expect) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed += t.load.Now().Total().Failed
	t.load.Phase(e.Phase)
	t.expect = append(t.expect, e)
	t.samples = []sample{{at: time.Now()}}
}

// stop ends the load and judges all of it.
func (t *traffic) stop() ([]judge.Row, load.Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	result := t.load.Stop()
	return judge.Rows(t.expect, paths, result.Phases), result.Total()
}

// settle waits until each path has as many requests in this phase as it needs.
func (t *traffic) settle(ctx context.Context) error {
	tick := time.NewTicker(frame / 4)
	defer tick.Stop()
	for {
		t.mu.Lock()
		e := t.expect[len(t.expect)-1]
		t.mu.Unlock()
		now := t.load.Now()
		if min(now.Targets[gateway].Requests, now.Targets[sidecar].Requests) >= e.Least {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("phase %s: %s of %s requests through the gateway, %s through the sidecar: %w", e.Phase,
				show.Number(now.Targets[gateway].Requests), show.Number(e.Least), show.Number(now.Targets[sidecar].Requests), ctx.Err())
		}
	}
}

// animate shows the live line until the context ends.
func (t *traffic) animate(ctx context.Context) {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t.screen.Live(show.Bar(t.screen.Terminal(), os.Getenv, t.picture(now)))
		}
	}
}

// picture is the traffic of the last seconds of this phase.
func (t *traffic) picture(now time.Time) show.Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, phase := t.expect[len(t.expect)-1], t.load.Now()
	total := phase.Total()
	latest := sample{now, total.Requests, total.Requests - total.Failed, total.Versions[e.Grayscale]}
	t.samples = append(t.samples, latest)
	for len(t.samples) > 1 && now.Sub(t.samples[0].at) > window {
		t.samples = t.samples[1:]
	}
	oldest := t.samples[0]
	picture := show.Traffic{
		Version: e.Grayscale, Asked: e.Share, Failed: t.failed + total.Failed,
		Done: total.Requests, Needed: e.Least * len(paths),
	}
	if answers := latest.answers - oldest.answers; answers > 0 {
		picture.Seen = float64(latest.newer-oldest.newer) / float64(answers)
		picture.Rate = float64(latest.requests-oldest.requests) / now.Sub(oldest.at).Seconds()
	}
	return picture
}

// reachable waits until requests arrive on each path: the proxies learn of the
// app a moment after the API server does.
func reachable(ctx context.Context, p place) error {
	const enough = 20
	targets := p.targets()
	for n := range targets {
		targets[n].Rate, targets[n].Workers = 100, 1
	}
	probe := load.Start(ctx, targets...)
	defer probe.Stop()
	tick := time.NewTicker(frame / 4)
	defer tick.Stop()
	for {
		now := probe.Now()
		if total := now.Total(); total.Failed > 0 {
			probe.Phase("again")
		} else if min(now.Targets[gateway].Requests, now.Targets[sidecar].Requests) >= enough {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the app to answer (the last failures: %q): %w", now.Total().Failures, ctx.Err())
		}
	}
}
