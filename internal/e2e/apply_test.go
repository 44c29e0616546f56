package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

const meshRule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 500}}}
  subsets: [{name: stable, labels: {version: v1}}]
`

// appliedEverySecond: somebody's pipeline applies its own VirtualServices,
// DestinationRule and Deployment all the while. Nothing fails, no share moves; what they really
// change stays, and a cancel leaves exactly their last version.
func appliedEverySecond(t *testing.T) {
	w := newWorld(t)
	w.bookshop(meshRule)
	tr := w.traffic()
	original := makeDeployment("reviews-v1").Replicas(2).YAML()
	p := w.pipeline(frontRoutes, meshRoutes, meshRule, original)
	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	p.runs(2)

	tr.phase("to 25 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=25")
	w.untilLive("25")
	tr.more(30)
	tr.phase("25 %", split("v1", "v2", 25))
	p.runs(3)

	edited := strings.Replace(meshRoutes, "timeout: 9s", "timeout: 8s", 1) + `  - name: last
    match: [{uri: {prefix: /never}}]
    route: [{destination: {host: reviews}}]
`
	front := strings.Replace(frontRoutes, "name: api", "name: rest", 1)
	p.set(front, edited, strings.Replace(meshRule, "500", "400", 1), original)
	p.runs(3)
	if vs := spec(t, w.get(virtualServices, "reviews")); !strings.Contains(vs, `"8s"`) || !strings.Contains(vs, `"last"`) {
		t.Errorf("the edit is not in the routes:\n%s", vs)
	}

	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	tr.settles("settling on v2", "v1", "v2")
	tr.phase("taken over", only("v2"))
	p.runs(3)

	w.cancels(tr, "first", "v2")
	p.stop()
	w.clean()
	for name, text := range map[string]string{"front": front, "reviews": edited} {
		if got, want := spec(t, w.get(virtualServices, name)), w.specOf(text); got != want {
			t.Errorf("VirtualService %s is\n%s\nwant the user's last version:\n%s", name, got, want)
		}
	}
}

// specOf gives the spec of a document as spec gives that of an object.
func (w *world) specOf(document string) string {
	w.t.Helper()
	var u struct{ Spec any }
	if err := yaml.Unmarshal([]byte(w.here(document)), &u); err != nil {
		w.t.Fatal(err)
	}
	b, err := json.MarshalIndent(u.Spec, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// pipeline applies documents every second, as a deployment pipeline may.
type pipeline struct {
	w    *world
	stop func()

	mu    sync.Mutex
	text  string
	count int // of runs with that text
}

func (w *world) pipeline(documents ...string) *pipeline {
	p := &pipeline{w: w}
	p.set(documents...)
	p.stop = every(w, time.Second, p.run)
	return p
}

// every does something again and again until it is stopped, or the test ends.
func every(w *world, period time.Duration, do func()) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(period)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				do()
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

func (p *pipeline) set(documents ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.count = p.w.here(strings.Join(documents, "\n---\n")), 0
}

func (p *pipeline) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out, err := p.w.try(p.text, "apply", "-f", "-"); err != nil {
		p.w.t.Errorf("the pipeline's kubectl apply: %v\n%s", err, out)
		return
	}
	p.count++
}

// runs waits until the documents were applied that many times more.
func (p *pipeline) runs(n int) {
	p.w.t.Helper()
	p.mu.Lock()
	goal := p.count + n
	p.mu.Unlock()
	p.w.eventually("the pipeline to run", func() (bool, string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.count >= goal, "not yet"
	})
}
