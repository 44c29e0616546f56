package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// ways are what leads to Services' pods beside VirtualServices: by it a request
// would reach the grayscale version past every policy.
type ways struct {
	to        map[types.NamespacedName][]plan.Way // to a Service
	selecting map[string][]plan.Way               // to pods of a namespace, by their labels
	entries   map[string][]plan.Stranger          // the WorkloadEntries of a namespace
}

// found are the ways of each of WayKinds, in their order.
type found []ways

// of gives those to a Service, and what it leads to beside its pods.
func (f found) of(service release.Service) (to []plan.Way, under []plan.Stranger) {
	key := service.NamespacedName()
	for _, w := range f {
		to = slices.Concat(to, w.to[key], w.selecting[key.Namespace])
		under = append(under, w.under(service)...)
	}
	return to, under
}

// WayKinds are the kinds by which pods can be reached beside VirtualServices, and
// that which istiod puts beside them.
var WayKinds = append([]Versioned{
	{Ingresses.GroupKind(), []string{Ingresses.Version}},
	{ServiceEntries.GroupKind(), []string{ServiceEntries.Version}},
	{WorkloadEntries.GroupKind(), []string{WorkloadEntries.Version}},
}, Routes...)

// findWays reads them live, all at once: an admission waits for it. An Ingress leads to Services of its namespace, so
// that those of one namespace will do for its Services; "" reads all. Beside an
// error it gives what could be read, and of a kind that could not what was known.
func findWays(ctx context.Context, live client.Reader, namespace string, known found) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, wayTime)
	defer cancel()
	all, errs := make(found, len(WayKinds)), make([]error, len(WayKinds))
	var lists sync.WaitGroup
	for n, kind := range WayKinds {
		w := ways{to: map[types.NamespacedName][]plan.Way{}, selecting: map[string][]plan.Way{}, entries: map[string][]plan.Stranger{}}
		visit, in := w.route, ""
		switch kind.Kind {
		case Ingresses.Kind:
			visit, in = w.ingress, namespace
		case ServiceEntries.Kind:
			visit = w.serviceEntry
		case WorkloadEntries.Kind:
			visit, in = w.workloadEntry, namespace
		}
		all[n] = w
		lists.Go(func() {
			if errs[n] = Each(ctx, live, kind, visit, client.InNamespace(in)); errs[n] != nil && known != nil {
				all[n] = known[n]
			}
		})
	}
	lists.Wait()
	return all, errors.Join(errs...)
}

// WayPeriod is how old what a running release knows of other ways may be, as long
// as they can be read.
const WayPeriod = 2 * time.Minute

const (
	// wayRecheck is the same for ways that there were: who has taken one away waits
	// for that to be seen. So soon what could not be read is tried again, too.
	wayRecheck = 10 * time.Second
	// wayTime ends the lists of an API server that hangs, long before the pass ends.
	wayTime = 10 * time.Second
	// wayPatience is how long who goes on by what is known waits for a new look: a list
	// that works is over by then, and one that hangs must use up neither the seconds for
	// which the API server waits for an admission, nor those of each pass.
	wayPatience = 500 * time.Millisecond
)

// Ways keeps for all running releases together what other ways there are. No
// cache is worth it: a watch of seven kinds in all namespaces would cost memory
// and traffic all the time, and a list of each, every WayPeriod, costs that only
// while some release runs. The zero value is ready; it is safe for concurrent use.
type Ways struct {
	Now func() time.Time

	looks singleflight.Group
	last  atomic.Pointer[look]
}

// look is what was found when all kinds were listed last, and what was wrong.
type look struct {
	at    time.Time
	found found
	err   error
}

func (l *look) due(now time.Time, service release.Service) bool {
	age := now.Sub(l.at)
	to, under := l.found.of(service)
	return age >= WayPeriod || age >= wayRecheck && (l.err != nil || len(to)+len(under) > 0)
}

// of gives what there is for running releases; what is known beside an error, too.
// The lists go on without the asker, whose context only ends his waiting; so does
// wayPatience, where there is something known that he goes on by.
func (w *Ways) of(ctx context.Context, live client.Reader, service release.Service, goesOn bool) (found, error) {
	last := w.last.Load()
	if last != nil && !last.due(w.Now(), service) {
		return last.found, last.err
	}
	var late <-chan time.Time
	if last != nil && goesOn && w.Now().Sub(last.at) < 2*WayPeriod { // a replica that was not asked for long knows nothing
		late = time.After(wayPatience)
	}
	looked := w.looks.DoChan("", func() (any, error) {
		w.look(context.WithoutCancel(ctx), live)
		return nil, nil
	})
	select {
	case <-looked:
		last = w.last.Load()
		return last.found, last.err
	case <-late:
		return last.found, last.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for what leads to pods past VirtualServices: %w", ctx.Err())
	}
}

func (w *Ways) look(ctx context.Context, live client.Reader) {
	var known found
	if last := w.last.Load(); last != nil {
		known = last.found
	}
	all, err := findWays(ctx, live, "", known)
	if err != nil {
		log.FromContext(ctx).Error(err, "could not read all that leads to pods past VirtualServices, running releases go on by what was known")
	}
	w.last.Store(&look{w.Now(), all, err})
}

// readWays reads what leads past VirtualServices: anew where a release is to
// start, else as of the last WayPeriod.
func (src Source) readWays(ctx context.Context, s *plan.Snapshot, claim *release.Status) error {
	var all found
	var err error
	service, goesOn := release.ServiceOf(s.Service), src.goesOn(s, claim)
	if claim != nil && src.Ways != nil {
		all, err = src.Ways.of(ctx, src.Live, service, goesOn)
	} else {
		all, err = findWays(ctx, src.Live, s.Key.Namespace, nil)
	}
	if err != nil && (ctx.Err() != nil || !goesOn) {
		return err
	}
	to, under := all.of(service)
	s.Ways, s.Strangers = to, append(s.Strangers, under...)
	return nil
}

// goesOn says whether a release goes on by what is known of other ways when they
// can't be read: with a clone, for its way back must stay open, and without one
// where it is cancelled. A clone is not made unseeing. Who keeps nothing, and says
// nothing of it in a log, goes on with a cancel alone.
func (src Source) goesOn(s *plan.Snapshot, claim *release.Status) bool {
	made := func(d *unstructured.Unstructured) bool { return workload.IsCloneOf(d, claim) }
	return cancelled(s, claim) || claim != nil && src.Ways != nil && (claim.Grayscale.UID != "" || slices.ContainsFunc(s.Deployments, made))
}

// cancelled says whether the original of a release asks for it no more.
func cancelled(s *plan.Snapshot, claim *release.Status) bool {
	return claim != nil && !slices.ContainsFunc(s.Deployments, func(d *unstructured.Unstructured) bool {
		return d.GetName() == claim.Original.Name && asksOn(d, claim)
	})
}

func (w ways) lead(to types.NamespacedName, way plan.Way) {
	if !slices.ContainsFunc(w.to[to], func(known plan.Way) bool { return known.What == way.What }) {
		w.to[to] = append(w.to[to], way)
	}
}

func named(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}
