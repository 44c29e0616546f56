package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// writes remembers what was written until the caches show it, so that no pass
// plans from what the last one has replaced: it would write everything twice.
// (The client's own read-your-writes option does not hold for unstructured
// objects in controller-runtime 0.25: it counts their writes as typed ones.)
type writes struct {
	mu      sync.Mutex
	pending map[written]overwritten
}

type written struct {
	kind schema.GroupVersionKind
	key  client.ObjectKey
}

// overwritten is the resourceVersion that a cache must no longer show; empty:
// it must show any.
type overwritten struct {
	version string
	until   time.Time // a write without effect changes no version
}

// patience bounds the wait for a cache. What it still lacks then, the API
// server's own conflict will say.
const patience = 2 * time.Second

// note remembers a plan that was written.
func (w *writes) note(p plan.Plan, service *unstructured.Unstructured, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending == nil {
		w.pending = map[written]overwritten{}
	}
	add := func(u *unstructured.Unstructured, before string) {
		w.pending[written{u.GroupVersionKind(), client.ObjectKeyFromObject(u)}] = overwritten{before, now.Add(patience)}
	}
	for _, c := range p.Changes {
		switch {
		case c.Action == plan.Create:
			add(c.Object, "")
		case apply.Target(c).GetKind() != snapshot.ReplicaSets.Kind: // those are read live
			add(apply.Target(c), c.Before.GetResourceVersion())
		}
	}
	if len(p.Annotations) > 0 {
		add(service, service.GetResourceVersion())
	}
}

// behind says whether a cache still shows something that we have replaced.
func (w *writes) behind(ctx context.Context, cached client.Reader, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at, old := range w.pending {
		u := snapshot.Object(at.kind)
		err := cached.Get(ctx, at.key, u, client.UnsafeDisableDeepCopy)
		missing := err != nil
		if now.Before(old.until) && (old.version == "" && missing || !missing && u.GetResourceVersion() == old.version) {
			return true
		}
		delete(w.pending, at)
	}
	return false
}
