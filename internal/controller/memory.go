package controller

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

// memory is what was written for each running release, as far as it tells
// whether somebody keeps undoing it, and what was told by events in passes that
// write nothing. A controller that starts anew has none, and finds out again.
type memory struct {
	mu   sync.Mutex
	by   map[types.NamespacedName][]plan.Written
	told map[types.NamespacedName][]told
}

// told is an event as far as it is the same as another one.
type told struct {
	on              types.UID
	reason, message string
}

func (m *memory) of(service types.NamespacedName) []plan.Written {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[service]
}

// note remembers a plan that was written, and forgets releases that are over.
func (m *memory) note(service types.NamespacedName, p plan.Plan, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Status == nil || p.Status.Phase.Ended() {
		delete(m.by, service)
		return
	}
	if m.by == nil {
		m.by = map[types.NamespacedName][]plan.Written{}
	}
	if m.by[service] = plan.Remember(m.by[service], p, now); len(m.by[service]) == 0 {
		delete(m.by, service)
	}
}

// untold gives the events of a plan, without those that the pass before told
// already: a pass that writes nothing says the same as long as nothing changes.
func (m *memory) untold(service types.NamespacedName, p plan.Plan) []plan.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.told[service]
	delete(m.told, service)
	if !p.Idle() || len(p.Events) == 0 {
		return p.Events
	}
	var now []told
	out := slices.DeleteFunc(slices.Clone(p.Events), func(e plan.Event) bool {
		t := told{e.On.GetUID(), e.Reason, e.Message}
		now = append(now, t)
		return slices.Contains(before, t)
	})
	if m.told == nil {
		m.told = map[types.NamespacedName][]told{}
	}
	m.told[service] = now
	return out
}
