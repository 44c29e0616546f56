// Package controller is the reconciler: a thin loop of snapshot, plan and apply
// around the pure rooms. One queue holds the Services to look at.
package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// Reconciler brings the releases of Services on, one pass a call.
type Reconciler struct {
	Client   client.Client
	Source   snapshot.Source
	Recorder events.EventRecorder
	Settings plan.Settings
	Now      func() time.Time

	writes writes
	memory memory
}

// passLimit ends a pass that the API server leaves hanging.
const passLimit = 30 * time.Second

// cacheLag is how soon to look again whether the caches show our writes.
const cacheLag = 10 * time.Millisecond

// Reconcile makes one pass for the Service that the request names.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	if r.writes.behind(ctx, r.Source.Reader, r.Now()) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	s, err := r.Source.Read(ctx, req.NamespacedName, r.Settings)
	if err != nil {
		return ctrl.Result{}, err
	}
	s.Written = r.memory.of(req.NamespacedName)
	p := plan.Make(s, r.Now())
	if p.Removes() {
		if err := r.Source.Certain(ctx, &s); err != nil {
			log.FromContext(ctx).Error(err, "could not list the routes anew, goes by those of the cache")
		}
		p = plan.Make(s, r.Now())
	}
	if (s.Service == nil || p.Status == nil) && !p.Idle() {
		// Nobody holds this Service as far as the caches know, and something is to
		// be written all the same: only a live read can tell that it is so.
		if stale, err := r.stale(ctx, s.Service, req); stale || err != nil {
			return ctrl.Result{RequeueAfter: time.Second}, err
		}
	}
	r.log(ctx, p)
	if err := apply.Plan(ctx, r.Client, p, s.Service); err != nil {
		// What exists already may be somebody else's for good: that is an error, to
		// be tried again slower and slower.
		if apply.IsRace(err) && !errors.IsAlreadyExists(err) {
			log.FromContext(ctx).Info("somebody wrote first", "error", err.Error())
			return ctrl.Result{RequeueAfter: 50 * time.Millisecond}, nil
		}
		return ctrl.Result{}, r.denied(ctx, s, err)
	}
	r.writes.note(p, s.Service, r.Now())
	r.memory.note(req.NamespacedName, p, r.Now())
	measure(req.NamespacedName, p)
	for _, e := range r.memory.untold(req.NamespacedName, p) {
		r.emit(s, e)
	}
	if !p.Idle() {
		return ctrl.Result{RequeueAfter: time.Millisecond}, nil // what comes next needs no event
	}
	return ctrl.Result{RequeueAfter: again(p)}, nil
}

// denied tells by the status what the API server refuses to take, and gives the
// error back: it is tried again slower and slower.
func (r *Reconciler) denied(ctx context.Context, s plan.Snapshot, cause error) error {
	if !apply.IsRefused(cause) {
		return cause
	}
	p := plan.Denied(s, clip.Text(cause.Error(), noteLimit), r.Now())
	if p.Status == nil {
		return cause
	}
	if err := apply.Plan(ctx, r.Client, p, s.Service); err != nil {
		return fmt.Errorf("%w; and to tell it: %w", cause, err)
	}
	r.writes.note(p, s.Service, r.Now())
	for _, e := range p.Events {
		r.emit(s, e)
	}
	return cause
}

// scalerPeriod is how soon it is seen that an autoscaler which holds up a finish
// has gone, or another way to the pods. Those are listed in one namespace; a watch would be told of every
// count of every autoscaler in the cluster.
const scalerPeriod = 15 * time.Second

// again says when to look again without an event: when the plan says so, and for
// what no watch tells of.
func again(p plan.Plan) time.Duration {
	after := p.After
	sooner := func(d time.Duration) {
		if after == 0 || d < after {
			after = d
		}
	}
	switch {
	case p.Status != nil && !p.Status.Phase.Ended():
		sooner(snapshot.WayPeriod)
		if c := p.Status.Condition(release.Degraded); c != nil && (c.Reason == release.ReasonManaged || c.Reason == release.ReasonUnrouted || c.Reason == release.ReasonPodLabels) {
			sooner(scalerPeriod)
		}
	case len(p.Refused) > 0:
		sooner(snapshot.WayPeriod)
	}
	return after
}

// stale says whether the API server holds another Service than the cache.
func (r *Reconciler) stale(ctx context.Context, cached *unstructured.Unstructured, req ctrl.Request) (bool, error) {
	live := snapshot.Object(snapshot.Services)
	err := r.Source.Live.Get(ctx, req.NamespacedName, live)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading Service %s: %w", req.NamespacedName, err)
	}
	if cached == nil {
		return err == nil, nil
	}
	return err != nil || live.GetResourceVersion() != cached.GetResourceVersion(), nil
}

// log says what is about to be written, and what is not, and why.
func (r *Reconciler) log(ctx context.Context, p plan.Plan) {
	logger := log.FromContext(ctx)
	if p.Status != nil {
		logger = logger.WithValues("task", p.Status.Task, "phase", p.Status.Phase)
	}
	for _, c := range p.Changes {
		o := apply.Target(c)
		logger.Info(c.Why, "action", c.Action, "kind", o.GetKind(), "object", client.ObjectKeyFromObject(o).String())
	}
	for key := range p.Annotations {
		logger.Info("writes the status", "annotation", key)
	}
	for _, why := range p.Refused {
		logger.Info("refused", "why", why)
	}
	for _, e := range p.Events {
		if e.Warning {
			logger.Info("warns", "reason", e.Reason, "message", e.Message)
		}
	}
}

// emit records an event, about the object and, beside it, the Service.
func (r *Reconciler) emit(s plan.Snapshot, e plan.Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	var related *unstructured.Unstructured
	if s.Service != nil && e.On.GetUID() != s.Service.GetUID() {
		related = s.Service
	}
	if related == nil {
		r.Recorder.Eventf(e.On, nil, kind, e.Reason, "Release", "%s", clip.Text(e.Message, noteLimit))
		return
	}
	r.Recorder.Eventf(e.On, related, kind, e.Reason, "Release", "%s", clip.Text(e.Message, noteLimit))
}

// noteLimit is the longest note of an event, in bytes; the API server refuses a
// longer one.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
const noteLimit = 1024

var _ reconcile.Reconciler = (*Reconciler)(nil)
