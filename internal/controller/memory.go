package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

// memory is what was written for each running release, as far as it tells
// whether somebody keeps undoing it. A controller that starts anew has none, and
// finds out again.
type memory struct {
	mu sync.Mutex
	by map[types.NamespacedName][]plan.Written
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
