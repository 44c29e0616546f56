package snapshot

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// ways are what leads to Services' pods beside VirtualServices: by it a request
// would reach the grayscale version past every policy.
type ways struct {
	to        map[types.NamespacedName][]plan.Way // to a Service
	selecting map[string][]plan.Way               // to pods of a namespace, by their labels
	entries   map[string][]plan.Stranger          // the WorkloadEntries of a namespace
}

func (w ways) of(key types.NamespacedName) []plan.Way {
	return slices.Concat(w.to[key], w.selecting[key.Namespace])
}

// WayKinds are the kinds by which pods can be reached beside VirtualServices, and
// that which istiod puts beside them.
var WayKinds = append([]Versioned{
	{Ingresses.GroupKind(), []string{Ingresses.Version}},
	{ServiceEntries.GroupKind(), []string{ServiceEntries.Version}},
	{WorkloadEntries.GroupKind(), []string{WorkloadEntries.Version}},
}, Routes...)

// findWays reads them live. An Ingress leads to Services of its namespace, so
// that those of one namespace will do for its Services; "" reads all.
func findWays(ctx context.Context, live client.Reader, namespace string) (ways, error) {
	w := ways{to: map[types.NamespacedName][]plan.Way{}, selecting: map[string][]plan.Way{}, entries: map[string][]plan.Stranger{}}
	for _, kind := range WayKinds {
		visit, in := w.route, ""
		switch kind.Kind {
		case Ingresses.Kind:
			visit, in = w.ingress, namespace
		case ServiceEntries.Kind:
			visit = w.serviceEntry
		case WorkloadEntries.Kind:
			visit, in = w.workloadEntry, namespace
		}
		if err := Each(ctx, live, kind, visit, client.InNamespace(in)); err != nil {
			return w, err
		}
	}
	return w, nil
}

// WayPeriod is how old what a running release knows of other ways may be.
const WayPeriod = 2 * time.Minute

// wayRecheck is the same for ways that there were: who has taken one away waits
// for that to be seen.
const wayRecheck = 10 * time.Second

// Ways keeps for all running releases together what other ways there are. No
// cache is worth it: a watch of seven kinds in all namespaces would cost memory
// and traffic all the time, and a list of each, every WayPeriod, costs that only
// while some release runs. The zero value is ready; it is safe for concurrent use.
type Ways struct {
	Now func() time.Time

	mu   sync.Mutex
	read time.Time
	ways ways
}

func (w *Ways) of(ctx context.Context, live client.Reader, service release.Service) (ways, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Now()
	age, known := now.Sub(w.read), len(w.ways.of(service.NamespacedName()))+len(w.ways.under(service))
	if w.read.IsZero() || age >= WayPeriod || age >= wayRecheck && known > 0 {
		found, err := findWays(ctx, live, "")
		if err != nil {
			return found, err
		}
		w.read, w.ways = now, found
	}
	return w.ways, nil
}

// readWays reads what leads past VirtualServices: anew where a release is to
// start, else as of the last WayPeriod.
func (src Source) readWays(ctx context.Context, s *plan.Snapshot, runs bool) (err error) {
	service := release.ServiceOf(s.Service)
	var found ways
	if runs && src.Ways != nil {
		found, err = src.Ways.of(ctx, src.Live, service)
	} else {
		found, err = findWays(ctx, src.Live, s.Key.Namespace)
	}
	if err != nil {
		return err
	}
	s.Ways, s.Strangers = found.of(s.Key), append(s.Strangers, found.under(service)...)
	return nil
}

func (w ways) lead(to types.NamespacedName, way plan.Way) {
	if !slices.ContainsFunc(w.to[to], func(known plan.Way) bool { return known.What == way.What }) {
		w.to[to] = append(w.to[to], way)
	}
}

func named(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
