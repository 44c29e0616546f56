package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// CacheOptions keeps in memory only what plans are made from.
func CacheOptions() ctrlcache.Options {
	return ctrlcache.Options{
		ReaderFailOnMissingInformer: false,
		ByObject: map[client.Object]ctrlcache.ByObject{
			snapshot.Object(snapshot.Deployments):      {Transform: slim(deployment)},
			snapshot.Object(snapshot.Services):         {Transform: slim(without("status"))},
			snapshot.Object(snapshot.EndpointSlices):   {Transform: slim(slice)},
			snapshot.Object(snapshot.VirtualServices):  {Transform: slim(without("status"))},
			snapshot.Object(snapshot.DestinationRules): {Transform: slim(without("status"))},
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

// slim drops managedFields, which the API server keeps when an update lacks
// them, and what more a kind has too much of.
func slim(more func(*unstructured.Unstructured)) cache.TransformFunc {
	return func(in any) (any, error) {
		if u, ok := in.(*unstructured.Unstructured); ok {
			u.SetManagedFields(nil)
			more(u)
		}
		return in, nil
	}
}

func without(field string) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) { delete(u.Object, field) }
}

// deployment keeps a Deployment whole where it has anything of ours. Of others
// only labels and replicas matter; such a remnant is never written back.
func deployment(u *unstructured.Unstructured) {
	delete(u.Object, "status")
	if ours(u) || len(intent.Of(u.GetAnnotations())) > 0 {
		return
	}
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

// slice keeps of an EndpointSlice which pods are ready.
func slice(u *unstructured.Unstructured) {
	delete(u.Object, "ports")
	endpoints, _, _ := unstructured.NestedSlice(u.Object, "endpoints")
	for n, e := range endpoints {
		if m, ok := e.(map[string]any); ok {
			endpoints[n] = map[string]any{"conditions": m["conditions"], "targetRef": m["targetRef"], "addresses": []any{}}
		}
	}
	u.Object["endpoints"] = endpoints
}
