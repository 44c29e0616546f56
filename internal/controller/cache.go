package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// CacheOptions keeps in memory only what plans are made from.
func CacheOptions() ctrlcache.Options {
	return ctrlcache.Options{
		ReaderFailOnMissingInformer: false,
		ByObject: map[client.Object]ctrlcache.ByObject{
			snapshot.Object(snapshot.Deployments):      {Transform: slim},
			snapshot.Object(snapshot.Services):         {Transform: slim},
			snapshot.Object(snapshot.EndpointSlices):   {Transform: slim},
			snapshot.Object(snapshot.VirtualServices):  {Transform: slim},
			snapshot.Object(snapshot.DestinationRules): {Transform: slim},
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

// slim keeps of an object what plans are made from.
func slim(in any) (any, error) {
	if u, ok := in.(*unstructured.Unstructured); ok {
		snapshot.Slim(u)
	}
	return in, nil
}
