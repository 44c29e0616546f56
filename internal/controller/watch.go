package controller

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// watcher turns events into the Services that they concern. It asks only the
// caches.
type watcher struct{ reader client.Reader }

// deployment: the Services that the Deployment asks about or takes part in. Of
// the rest a release needs no event: their status is read with the snapshot.
func (w watcher) deployment(ctx context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	template, mine := release.WorkloadOf(d).Template, workload.TakesPart(d) || w.cloned(ctx, d)
	return w.services(ctx, d.GetNamespace(), func(s release.Service, claim *release.Status) bool {
		if claim != nil && (claim.Original.Name == d.GetName() || claim.Clone == d.GetName()) {
			return true
		}
		return mine && s.Selects(template)
	})
}

// cloned says whether a clone of the Deployment is there: that of a lost release
// goes once the original has pods that are ready.
func (w watcher) cloned(ctx context.Context, d *unstructured.Unstructured) bool {
	of := client.MatchingLabels{intent.LabelOf: d.GetName()}
	clones, err := snapshot.List(ctx, w.reader, snapshot.Deployments, client.InNamespace(d.GetNamespace()), of)
	return err == nil && len(clones) > 0
}

// service: itself, when it says anything of ours, and when it comes or goes.
func (watcher) service(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
}

// sibling: the Services of its namespace that a release holds, for whose pods it
// could be another way.
func (w watcher) sibling(ctx context.Context, o client.Object) []reconcile.Request {
	return w.services(ctx, o.GetNamespace(), func(s release.Service, claim *release.Status) bool {
		return claim != nil && s.Name != o.GetName()
	})
}

// slice: its Service, while a release holds it.
func (w watcher) slice(ctx context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[discoveryv1.LabelServiceName]
	return w.held(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: name})
}

// virtualService: every Service that it names, itself or by a delegate, and a
// release holds, and those that it has routes of ours for, whoever holds them.
func (w watcher) virtualService(ctx context.Context, o client.Object) []reconcile.Request {
	vs, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	services, wildcard := route.Concerns(vs)
	for _, to := range route.Delegates(vs) {
		delegate := snapshot.Object(snapshot.VirtualServices)
		if w.reader.Get(ctx, to, delegate, client.UnsafeDisableDeepCopy) == nil {
			more, _ := route.Concerns(delegate)
			services = append(services, more...)
		}
	}
	services = append(services, w.neighbours(ctx, vs)...)
	out := w.named(ctx, vs, w.heldOf(ctx, services, wildcard))
	for _, live := range route.Read(vs) {
		out = add(out, live.Service)
	}
	if service, ok := route.OursFor(vs); ok {
		out = add(out, service)
	}
	return out
}

// neighbours gives the Services that VirtualServices of the same host at a gateway
// name: the gateway puts their routes together.
func (w watcher) neighbours(ctx context.Context, vs *unstructured.Unstructured) (services []types.NamespacedName) {
	for _, at := range route.GatewayHosts(vs) {
		beside, err := snapshot.List(ctx, w.reader, snapshot.VirtualServices, client.MatchingFields{snapshot.Index: snapshot.AtHost + at})
		if err != nil {
			continue // the next pass reads them anyway
		}
		for _, other := range beside {
			more, _ := route.Concerns(other)
			services = append(services, more...)
		}
	}
	return services
}

// destinationRule: every Service that it matches and a release holds.
func (w watcher) destinationRule(ctx context.Context, o client.Object) []reconcile.Request {
	rule, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	service, wildcard, exact := route.RuleHost(rule)
	var services []types.NamespacedName
	if exact {
		services = append(services, service)
	}
	out := w.named(ctx, rule, w.heldOf(ctx, services, wildcard))
	if service, ok := route.OursFor(rule); ok {
		out = add(out, service)
	}
	return out
}

// named adds the Services for which an object that is not ours has a name of ours.
func (w watcher) named(ctx context.Context, u *unstructured.Unstructured, out []reconcile.Request) []reconcile.Request {
	name, ours := strings.CutPrefix(u.GetName(), route.Reserved)
	if !ours || route.Ours(u) {
		return out
	}
	for _, r := range w.services(ctx, "", func(s release.Service, claim *release.Status) bool {
		return claim != nil && strings.HasPrefix(name, s.Name)
	}) {
		out = add(out, r.NamespacedName)
	}
	return out
}

func add(list []reconcile.Request, service types.NamespacedName) []reconcile.Request {
	r := reconcile.Request{NamespacedName: service}
	if slices.Contains(list, r) {
		return list
	}
	return append(list, r)
}

// heldOf gives those Services that a release holds; a wildcard may mean any.
func (w watcher) heldOf(ctx context.Context, services []types.NamespacedName, wildcard bool) []reconcile.Request {
	if wildcard {
		return w.services(ctx, "", func(_ release.Service, claim *release.Status) bool { return claim != nil })
	}
	var out []reconcile.Request
	for _, s := range services {
		out = append(out, w.held(ctx, s)...)
	}
	return out
}

func (w watcher) held(ctx context.Context, key types.NamespacedName) []reconcile.Request {
	u := snapshot.Object(snapshot.Services)
	if w.reader.Get(ctx, key, u, client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	if claim, err := release.Claim(u.GetAnnotations(), u.GetUID()); err != nil || claim == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}

// services gives the Services of a namespace ("" for all) that are wanted.
func (w watcher) services(ctx context.Context, namespace string, want func(release.Service, *release.Status) bool) []reconcile.Request {
	services, err := snapshot.List(ctx, w.reader, snapshot.Services, client.InNamespace(namespace))
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, u := range services {
		claim, err := release.Claim(u.GetAnnotations(), u.GetUID())
		if err != nil {
			continue
		}
		if s := release.ServiceOf(u); want(s, claim) {
			out = append(out, reconcile.Request{NamespacedName: s.NamespacedName()})
		}
	}
	return out
}

// Setup adds the reconciler with its watches to a manager.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	w := watcher{mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).Named("release").
		Watches(snapshot.Object(snapshot.Services), handler.EnqueueRequestsFromMapFunc(w.service), only(mattering)).
		Watches(snapshot.Object(snapshot.Services), handler.EnqueueRequestsFromMapFunc(w.sibling), only(leading)).
		Watches(snapshot.Object(snapshot.Deployments), handler.EnqueueRequestsFromMapFunc(w.deployment), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		Watches(snapshot.Object(snapshot.EndpointSlices), handler.EnqueueRequestsFromMapFunc(w.slice)).
		Watches(snapshot.Object(snapshot.VirtualServices), handler.EnqueueRequestsFromMapFunc(w.virtualService)).
		Watches(snapshot.Object(snapshot.DestinationRules), handler.EnqueueRequestsFromMapFunc(w.destinationRule)).
		WithOptions(options).Complete(r)
}
