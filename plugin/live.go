package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// settings are those of the controller in the cluster, as far as its
// Deployment can be read. down is why nothing will move; empty when a
// controller runs, or nobody knows.
func (e *Env) settings(ctx context.Context) (set plan.Settings, down string) {
	set = plan.Defaults
	c, err := e.Client()
	if err != nil {
		return set, ""
	}
	installed, unknown := e.installation(ctx)
	namespace := cmp.Or(installed, manifests.Namespace)
	deployment := newObject("apps/v1", "Deployment")
	err = c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: manifests.Controller}, deployment)
	if apierrors.IsNotFound(err) && unknown == nil {
		return set, fmt.Sprintf("no controller is installed in namespace %s", namespace)
	}
	if err != nil {
		return set, ""
	}
	had := manifests.Installed(deployment)
	set.VersionLabel = had.VersionLabel
	set.RootNamespace = cmp.Or(had.RootNamespace, set.RootNamespace)
	if had.Propagation != nil {
		set.Propagation = *had.Propagation
	}
	if had.Drain != nil {
		set.Drain = *had.Drain
	}
	if had.Hold != nil {
		set.Hold = *had.Hold
	}
	if n, _, _ := unstructured.NestedInt64(deployment.Object, "status", "availableReplicas"); n == 0 {
		down = fmt.Sprintf("the controller is not available: kubectl -n %s get pods", namespace)
	}
	return set, down
}

// look gives the release as it stands now: the reconciler's own reading of
// the cluster. With rights for less than that it is what the controller last
// wrote down, and says so.
func (e *Env) look(ctx context.Context, f found) view.Release {
	if f.ended {
		return e.lookAs(ctx, f, plan.Defaults, "") // nothing moves it
	}
	set, down := e.settings(ctx)
	return e.lookAs(ctx, f, set, down)
}

// lookAs is look for a controller of these settings; down is why it moves nothing.
func (e *Env) lookAs(ctx context.Context, f found, set plan.Settings, down string) (r view.Release) {
	r = view.Release{Namespace: f.namespace(), Status: f.status, Claimed: f.claimed, Unreadable: f.unread(), Ended: f.ended, Down: down, AsOf: f.written(), Renewed: f.renewed(set.VersionLabel), Now: e.Now()}
	if f.unreadable != nil {
		return r
	}
	defer func() {
		r.Next = e.nextSteps(r)
		var err error
		if r.Commit, err = toCommit(r.Status, f.deployment); err != nil {
			r.Stale = err.Error()
		}
	}()
	if f.ended || f.service == nil {
		return r
	}
	c, err := e.Client()
	if err != nil {
		r.Stale = err.Error()
		return r
	}
	key := types.NamespacedName{Namespace: f.namespace(), Name: f.service.GetName()}
	s, err := snapshot.Read(ctx, c, key, set)
	if err != nil {
		r.Stale = err.Error()
		return r
	}
	p := plan.Make(s, e.Now())
	r.Holds = p.Holds
	for _, why := range p.Refused {
		r.Refused = append(r.Refused, plainly(why))
	}
	if f.claimed && p.Status != nil && p.Status.Task == f.task {
		r.Status = p.Status
		keepWritten(f.status, p)
		r.ByHand = down != "" && byHand(s, p.Status)
	}
	return r
}

// byHand says whether a release was cancelled without the controller: nothing of
// it is left but its claim.
func byHand(s plan.Snapshot, status *release.Status) bool {
	return (status.Policy.End == intent.EndCancel || status.Phase == release.Cancelling) && status.Live == nil &&
		!slices.ContainsFunc(s.Deployments, func(d *unstructured.Unstructured) bool { return workload.IsClone(d) && d.GetName() == status.Clone })
}

// renewed are the images of an original that has become the new version, as a
// finish in place makes it; nil where it has not. A release that has ended
// otherwise than by a finish says nothing of who runs the new version now.
func (f found) renewed(label string) map[string]string {
	if f.deployment == nil || f.status.Grayscale.Version == "" || f.ended && f.status.Phase != release.Finished {
		return nil
	}
	w := release.WorkloadOf(f.deployment)
	for _, key := range append([]string{f.status.Label, label}, release.DefaultLabels...) {
		if version, ok := w.Template[key]; ok && key != "" {
			if version != f.status.Grayscale.Version {
				return nil
			}
			return w.Images
		}
	}
	return nil
}

// keepWritten keeps what the controller wrote down and no reading of the cluster
// can find out: that it is fought with, for it remembers its own writes, and
// that the API server refuses a write of its, while there is one to be made.
// What else is wrong comes from the plan.
func keepWritten(written *release.Status, p plan.Plan) {
	c := written.Condition(release.Degraded)
	if c == nil || !written.Is(release.Degraded) {
		return
	}
	switch {
	case c.Reason == release.ReasonFought, c.Reason == release.ReasonRefused && len(p.Changes) > 0:
		meta.SetStatusCondition(&p.Status.Conditions, *c)
	}
}
