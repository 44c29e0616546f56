package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Source is where a snapshot comes from.
type Source struct {
	// Reader gives Deployments, Services, EndpointSlices, VirtualServices and
	// DestinationRules.
	Reader client.Reader
	// Live gives what is not worth a cache: pods and ReplicaSets, by narrow lists, and
	// what is looked at only when a release starts or ends.
	Live client.Reader
	// Indexed says that Reader has the indexes of this package.
	Indexed bool
	// Ways keeps what is read of other ways to pods from one snapshot of a running
	// release to the next; nil reads them each time.
	Ways *Ways
}

// Read reads a snapshot live, with one reader's rights.
func Read(ctx context.Context, r client.Reader, service types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	return Source{Reader: r, Live: r}.Read(ctx, service, settings)
}

// Read reads all that a plan for the Service is made from.
func (src Source) Read(ctx context.Context, key types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	s, err := src.base(ctx, key, settings)
	switch {
	case err != nil:
		return s, err
	case s.Service == nil:
		return s, src.replicaSets(ctx, &s, plan.Lost(s)...)
	}
	return s, src.release(ctx, &s)
}

// certainTime ends the list of an API server that hangs: who goes on by what a cache
// has shown keeps time for it in the same pass.
const certainTime = 10 * time.Second

// Certain reads the VirtualServices of a snapshot anew, by one live list: a cache whose
// watch hangs may lack a route.
func (src Source) Certain(ctx context.Context, s *plan.Snapshot) error {
	bounded, cancel := context.WithTimeout(ctx, certainTime)
	defer cancel()
	all, err := List(bounded, src.Live, VirtualServices)
	if err != nil {
		return err
	}
	found, err := Source{Reader: Files(all)}.virtualServices(ctx, s.Key)
	if err == nil {
		s.VirtualServices = found
	}
	return err
}

// base reads what routes and rules are made from.
func (src Source) base(ctx context.Context, key types.NamespacedName, settings plan.Settings) (plan.Snapshot, error) {
	s := plan.Snapshot{Key: key, Settings: settings}
	service := Object(Services)
	switch err := src.Reader.Get(ctx, key, service); {
	case errors.IsNotFound(err):
	case err != nil:
		return s, fmt.Errorf("reading Service %s: %w", key, err)
	default:
		s.Service = service
	}
	return s, src.all(
		src.into(ctx, &s.Services, Services, client.InNamespace(key.Namespace)),
		src.into(ctx, &s.Deployments, Deployments, client.InNamespace(key.Namespace)),
		func() (err error) { s.VirtualServices, err = src.virtualServices(ctx, key); return },
		func() (err error) { s.DestinationRules, err = src.destinationRules(ctx, key); return },
	)
}

// release reads what only a running or starting release needs.
func (src Source) release(ctx context.Context, s *plan.Snapshot) error {
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil {
		return nil // the plan says so
	}
	if claim == nil && plan.Orphaned(*s) {
		return src.pods(ctx, s) // what the last release left goes before the next one starts
	}
	if claim == nil && !asked(s) {
		return nil
	}
	steps := []func() error{
		func() (err error) { s.Namesakes, err = src.namesakes(ctx, s.Key); return },
		func() error { return src.readWays(ctx, s, claim) },
		func() error { return src.autoscalers(ctx, s, claim) },
		func() error { return src.pods(ctx, s) },
	}
	if claim != nil {
		if claim.Phase == release.Cancelling || claim.Phase == release.Finishing && claim.Finish == intent.InPlace {
			steps = append(steps, func() error { return src.replicaSets(ctx, s, claim.Original.UID) })
		}
		if claim.Phase == release.Finishing || claim.Phase == release.Cancelling {
			steps = append(steps, func() error { return src.original(ctx, s, claim) })
		}
	}
	return src.all(steps...)
}

// scalerTime is how long who goes on without the autoscalers waits for them: longer
// than a list of one namespace takes, and within the time of an admission.
const scalerTime = time.Second

// autoscalers reads who scales the Deployments of the namespace. Who goes on without
// other ways does without these, too: nothing of a cancel depends on them, and the
// plan of a release that runs is told which are unknown.
func (src Source) autoscalers(ctx context.Context, s *plan.Snapshot, claim *release.Status) error {
	goesOn, most := src.goesOn(s, claim), wayTime
	if goesOn {
		most = scalerTime
	}
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var unknown []string
	for _, kind := range []schema.GroupVersionKind{Autoscalers, ScaledObjects} {
		found, err := listIfServed(bounded, src.Live, kind, client.InNamespace(s.Key.Namespace))
		if err != nil && (ctx.Err() != nil || !goesOn) {
			return err
		}
		if err != nil {
			log.FromContext(ctx).Error(err, "could not read who scales the versions, which are not scaled", "service", s.Key)
			unknown = append(unknown, kind.Kind+"s")
		}
		for _, u := range found {
			if target, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "kind"); target == "" || target == Deployments.Kind {
				s.Autoscalers = append(s.Autoscalers, u)
			}
		}
	}
	s.UnknownScalers = strings.Join(unknown, " and ")
	return nil
}

// original reads the original live where the cache holds but a remnant of it: an
// intent that is taken away while the release finishes ends nothing any more, and
// a finish in place still writes the template. So where a cancel is taken back: the
// caches of a controller that has just begun to lead may know of a cancel by the
// Service, and not by the Deployment yet.
func (src Source) original(ctx context.Context, s *plan.Snapshot, claim *release.Status) error {
	for n, d := range s.Deployments {
		finishes, back := claim.Phase == release.Finishing && !whole(d), claim.Phase == release.Cancelling && asksOn(d, claim)
		if d.GetName() != claim.Original.Name || !finishes && !back {
			continue
		}
		live := Object(Deployments)
		err := src.Live.Get(ctx, client.ObjectKeyFromObject(d), live)
		if errors.IsNotFound(err) {
			return nil // the cache will show it
		}
		if err != nil {
			return fmt.Errorf("reading Deployment %s: %w", client.ObjectKeyFromObject(d), err)
		}
		s.Deployments[n] = live
	}
	return nil
}

// asksOn says whether a Deployment asks for the release, and not for its cancel.
func asksOn(d *unstructured.Unstructured, claim *release.Status) bool {
	a := d.GetAnnotations()
	return a[intent.KeyRelease] == claim.Task && a[intent.KeyEnd] != string(intent.EndCancel)
}

func whole(d *unstructured.Unstructured) bool {
	_, ok, _ := unstructured.NestedFieldNoCopy(d.Object, "spec", "template", "spec")
	return ok
}

// asked says whether a Deployment asks for a release of this very Service: what
// is read live for a start is not read for its neighbours.
func asked(s *plan.Snapshot) bool {
	service := release.ServiceOf(s.Service)
	for _, d := range s.Deployments {
		named, written := d.GetAnnotations()[intent.KeyService]
		if intent.Starts(d.GetAnnotations()) && (named == service.Name || !written && service.Selects(release.WorkloadOf(d).Template)) {
			return true
		}
	}
	return false
}

func (src Source) into(ctx context.Context, to *[]*unstructured.Unstructured, kind schema.GroupVersionKind, opts ...client.ListOption) func() error {
	return func() (err error) {
		*to, err = List(ctx, src.Reader, kind, opts...)
		return err
	}
}

// all runs steps until one fails.
func (Source) all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
