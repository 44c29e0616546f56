package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/local"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// cancelLocally cancels without the controller.
func cancelLocally(ctx context.Context, e *Env, o writeOptions, task string) error {
	if o.dryRun != "" {
		return usage("--local can't be used with --dry-run")
	}
	f, err := e.find(ctx, task)
	if err != nil {
		return err
	}
	if !f.claimed || f.ended {
		return cancel(ctx, e, o, task) // nothing of it stands in routes or workloads
	}
	set, down := e.settings(ctx)
	if down == "" && !e.nobodyKnows(ctx) {
		return fmt.Errorf("release %s/%s: the controller is available, and two would be at it; cancel without --local, or scale the controller to zero first", f.namespace(), f.task)
	}
	if f.deployment != nil && f.deployment.GetAnnotations()[intent.KeyRelease] == f.task {
		w := words{}
		w.set(intent.KeyEnd, string(intent.EndCancel))
		if _, _, err := e.annotate(ctx, f.deployment, w, ""); err != nil {
			return err
		}
	}
	limited, stop := context.WithTimeout(ctx, o.timeout)
	defer stop()
	s, err := e.endByHand(limited, f, set)
	switch {
	case errors.Is(err, local.ErrEnded):
		return e.otherEnd(ctx, f)
	case err != nil:
		return err
	}
	return e.localEnd(f, s)
}

// endByHand runs a release that was asked to cancel until nothing of it is left but
// the claim. Where the controller woke up and ended it, the error is local.ErrEnded.
func (e *Env) endByHand(ctx context.Context, f found, set plan.Settings) (*release.Status, error) {
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	line := e.progress()
	defer line.end()
	runner := local.Runner{
		Client: c, Settings: set, Now: e.Now, Rest: waitFor,
		Tell: func(what string) { line.show("%s/%s: %s", f.namespace(), f.task, view.Tight(what)) },
	}
	s, err := runner.End(ctx, types.NamespacedName{Namespace: f.namespace(), Name: f.service.GetName()}, f.status)
	switch {
	case errors.Is(err, local.ErrEnded):
		return nil, err
	case errors.Is(err, local.ErrNotEnding):
		return nil, fmt.Errorf("release %s/%s: somebody took the cancel back, which the same command asks for again, or it came too late: %w", f.namespace(), f.task, err)
	case err != nil && (ctx.Err() != nil || neverBegun(err)):
		return nil, e.gaveUp(cmp.Or(ctx.Err(), err), fmt.Sprintf("release %s/%s is not yet cancelled; the same command goes on where it was", f.namespace(), f.task))
	case err != nil:
		return nil, fmt.Errorf("cancelling release %s/%s: %w", f.namespace(), f.task, e.friendly(ctx, err))
	}
	return s, nil
}

// otherEnd tells how a release ended that was not ended here: an error unless it was
// cancelled, as far as the history still knows.
func (e *Env) otherEnd(ctx context.Context, f found) error {
	s, err := e.scene(ctx, f.namespace())
	if err != nil {
		return err
	}
	for _, past := range s.ended() {
		if past.task != f.task || !past.status.Started.Equal(f.status.Started) {
			continue
		}
		if past.status.Phase != release.Cancelled {
			return fmt.Errorf("release %s/%s can't be cancelled any more: the controller has returned, and it ended as %s", f.namespace(), f.task, past.status.Phase)
		}
		return e.Print("release %s/%s cancelled by the controller, which has returned", f.namespace(), f.task)
	}
	return e.Print("release %s/%s is over: Service %s/%s is held by it no more", f.namespace(), f.task, f.namespace(), f.service.GetName())
}

func (e *Env) localEnd(f found, s *release.Status) error {
	if err := e.Print("release %s/%s %s by hand: nothing of it is left in routes and workloads", f.namespace(), f.task, strings.ToLower(string(s.Phase))); err != nil {
		return err
	}
	e.Say("Service %s/%s is held by it until the controller returns and closes it.", f.namespace(), f.service.GetName())
	return nil
}

// nobodyKnows says whether the user may not see how the controller is.
func (e *Env) nobodyKnows(ctx context.Context) bool {
	installed, err := e.installation(ctx)
	if err != nil {
		return true
	}
	c, err := e.Client()
	if err != nil {
		return true
	}
	err = c.Get(ctx, client.ObjectKey{Namespace: cmp.Or(installed, manifests.Namespace), Name: manifests.Controller}, newObject("apps/v1", "Deployment"))
	return apierrors.IsForbidden(err)
}

// waitFor waits that long, or until the context ends.
func waitFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
