// Package local ends a release without the controller: it runs the same plan in
// a loop, with a user's own rights. Routes and workloads are written; the claim
// is the controller's, so what the plan would note there is kept in memory, and
// the controller closes the claim when it returns and finds everything gone. Once
// the claim is closed, or another's, nothing more is written.
package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// Runner runs the plan of one release.
type Runner struct {
	Client   client.Client
	Settings plan.Settings
	Now      func() time.Time
	// Rest waits that long, or until the context ends, which is an error.
	Rest func(context.Context, time.Duration) error
	// Tell is given what is done or waited for, a sentence each.
	Tell func(string)

	status *string // what the claim would say by now; nil: what it says
}

// restAtMost bounds the time between two looks: no event tells that pods are gone.
const restAtMost = time.Second

// raceRest lets whoever wrote at the same moment go first.
const raceRest = 100 * time.Millisecond

// ErrNotEnding says that the release is not on its way out, so that it can't be
// run to an end.
var ErrNotEnding = errors.New("the release is not being cancelled")

// ErrEnded says that the Service is held by the release no more: somebody else has
// ended it, and what runs there now, if anything, is not ours to touch.
var ErrEnded = errors.New("somebody else has ended the release")

// End runs the release of a Service that holds the claim, and has been asked to
// end, until nothing of it is left but the claim, and gives what that should say
// then. A write that the API server refuses ends it, one that lost a race does not.
func (r *Runner) End(ctx context.Context, service types.NamespacedName, claim *release.Status) (*release.Status, error) {
	for {
		s, err := snapshot.Read(ctx, r.Client, service, r.Settings)
		if err != nil {
			return nil, err
		}
		if s.Service == nil {
			return nil, fmt.Errorf("the Service %s is gone", service)
		}
		if err := r.stillHeld(ctx, service, claim); err != nil {
			return nil, err
		}
		r.remember(&s)
		p := plan.Make(s, r.Now())
		switch {
		case p.Status == nil:
			return nil, fmt.Errorf("Service %s, release %s: %s", service, claim.Task, strings.Join(p.Refused, "; "))
		case !p.Status.Phase.Ending() && !p.Status.Phase.Ended():
			return p.Status, fmt.Errorf("Service %s, release %s is %s: %w", service, p.Status.Task, p.Status.Phase, ErrNotEnding)
		}
		r.tell(p)
		// The claim is the controller's: only the changes are written. What lost a
		// race was not, and so nothing is noted.
		err = apply.Plan(ctx, r.Client, plan.Plan{Changes: p.Changes}, s.Service)
		switch {
		case apply.IsRace(err):
			if err := r.Rest(ctx, raceRest); err != nil {
				return p.Status, err
			}
			continue
		case err != nil:
			return p.Status, err
		}
		if status, ok := p.Annotations[intent.AnnotationStatus]; ok {
			if status == nil {
				return p.Status, nil
			}
			r.status = status
		}
		if !p.Idle() {
			continue
		}
		if err := r.Rest(ctx, rest(p.After)); err != nil {
			return p.Status, err
		}
	}
}

func rest(after time.Duration) time.Duration {
	if after <= 0 || after > restAtMost {
		return restAtMost
	}
	return after
}

// stillHeld looks whether the claim stands. That is done after the snapshot was read:
// what was read behind a claim that has gone since could be the next release's.
func (r *Runner) stillHeld(ctx context.Context, key types.NamespacedName, claim *release.Status) error {
	service := snapshot.Object(snapshot.Services)
	if err := r.Client.Get(ctx, key, service); err != nil {
		return fmt.Errorf("reading Service %s: %w", key, err)
	}
	now, err := release.Claim(service.GetAnnotations(), service.GetUID())
	switch {
	case err != nil:
		return fmt.Errorf("Service %s: %w", key, err)
	case now == nil:
		return fmt.Errorf("Service %s is held by no release any more: %w", key, ErrEnded)
	case now.Task != claim.Task || now.Original.UID != claim.Original.UID || !now.Started.Equal(claim.Started):
		return fmt.Errorf("Service %s is held by another release %s of %s: %w", key, now.Task, now.Started.Format(time.RFC3339), ErrEnded)
	}
	return nil
}

// remember puts what would have been written into what was read.
func (r *Runner) remember(s *plan.Snapshot) {
	if r.status == nil {
		return
	}
	s.Service = s.Service.DeepCopy()
	annotations := s.Service.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[intent.AnnotationStatus] = *r.status
	s.Service.SetAnnotations(annotations)
}

// tell says what a pass does.
func (r *Runner) tell(p plan.Plan) {
	for _, c := range p.Changes {
		r.Tell(fmt.Sprintf("%s: %s", named(apply.Target(c)), c.Why))
	}
	if p.Holds != "" {
		r.Tell(p.Holds)
	}
}

func named(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s", u.GetKind(), client.ObjectKeyFromObject(u))
}
