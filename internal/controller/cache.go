package controller

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// CacheOptions keeps in memory only what plans are made from.
func CacheOptions() ctrlcache.Options {
	return ctrlcache.Options{
		ReaderFailOnMissingInformer: false,
		ByObject: map[client.Object]ctrlcache.ByObject{
			snapshot.Object(snapshot.Deployments):      {Transform: slim(deployment)},
			snapshot.Object(snapshot.Services):         {Transform: slim(service)},
			snapshot.Object(snapshot.EndpointSlices):   {Transform: slim(slice)},
			snapshot.Object(snapshot.VirtualServices):  {Transform: slim(istio)},
			snapshot.Object(snapshot.DestinationRules): {Transform: slim(istio)},
		},
	}
}

// Index adds the indexes that snapshot.Source reads by.
func Index(ctx context.Context, c ctrlcache.Cache) error {
	if err := c.IndexField(ctx, snapshot.Object(snapshot.VirtualServices), snapshot.Index, snapshot.VirtualServiceIndex); err != nil {
		return fmt.Errorf("indexing VirtualServices: %w", err)
	}
	if err := c.IndexField(ctx, snapshot.Object(snapshot.DestinationRules), snapshot.Index, snapshot.DestinationRuleIndex); err != nil {
		return fmt.Errorf("indexing DestinationRules: %w", err)
	}
	return nil
}

// slim drops what a kind has too much of.
func slim(more func(*unstructured.Unstructured)) cache.TransformFunc {
	return func(in any) (any, error) {
		if u, ok := in.(*unstructured.Unstructured); ok {
			more(u)
		}
		return in, nil
	}
}

func service(u *unstructured.Unstructured) {
	u.SetManagedFields(nil)
	delete(u.Object, "status")
}

func istio(u *unstructured.Unstructured) {
	managers(u)
	delete(u.Object, "status")
}

// managers keeps of managedFields who wrote and when: it tells who fights with us,
// and what we have not let go of. The fields themselves are the larger part. The
// API server keeps all of it when an update lacks managedFields.
func managers(u *unstructured.Unstructured) {
	entries := u.GetManagedFields()
	for n := range entries {
		entries[n].FieldsType, entries[n].FieldsV1 = "", nil
	}
	u.SetManagedFields(entries)
}

// deployment keeps a Deployment whole where it has anything of ours, but of its
// status only the counts of its roll-out. Of others only labels and replicas
// matter; such a remnant is never written back.
func deployment(u *unstructured.Unstructured) {
	managers(u)
	if ours(u) || len(intent.Of(u.GetAnnotations())) > 0 {
		keep(u, "status", counts...)
		return
	}
	if !slices.ContainsFunc(u.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == plan.FieldManager }) {
		u.SetManagedFields(nil)
	}
	delete(u.Object, "status")
	kept := map[string]any{}
	for _, path := range [][]string{
		{"spec", "replicas"}, {"spec", "selector"}, {"spec", "template", "metadata", "labels"},
	} {
		if value, ok, _ := unstructured.NestedFieldNoCopy(u.Object, path...); ok {
			_ = unstructured.SetNestedField(kept, value, path...) // kept holds maps alone
		}
	}
	u.Object["spec"] = kept["spec"]
	u.SetAnnotations(nil)
}

// counts are the fields of a Deployment's status that say whether its roll-out is
// complete.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
var counts = []string{"observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"}

// keep leaves of a map of an object the fields that are named.
func keep(u *unstructured.Unstructured, field string, names ...string) {
	all, ok := u.Object[field].(map[string]any)
	if !ok {
		return
	}
	kept := map[string]any{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			kept[name] = value
		}
	}
	u.Object[field] = kept
}

// slice keeps of an EndpointSlice which pods are ready, and the addresses that are
// no pod's.
func slice(u *unstructured.Unstructured) {
	u.SetManagedFields(nil)
	delete(u.Object, "ports")
	endpoints, _, _ := unstructured.NestedSlice(u.Object, "endpoints")
	for n, e := range endpoints {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if kind, _, _ := unstructured.NestedString(m, "targetRef", "kind"); kind == snapshot.Pods.Kind {
			m["addresses"] = []any{}
		}
		endpoints[n] = map[string]any{"conditions": m["conditions"], "targetRef": m["targetRef"], "addresses": m["addresses"]}
	}
	u.Object["endpoints"] = endpoints
}
