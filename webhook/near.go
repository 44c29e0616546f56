package webhook

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// near takes a namespace's Deployments from the cache, for there may be thousands,
// and all else from the API server. Who holds a Service stands on the Service; what
// other Deployments are there is looked at again by the controller, before anything
// is made or routed.
type near struct {
	client.Reader // the API server
	cached        client.Reader
}

// List implements client.Reader.
func (n near) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	all, ok := list.(*unstructured.UnstructuredList)
	if ok && all.GroupVersionKind() == snapshot.Deployments.GroupVersion().WithKind(snapshot.Deployments.Kind+"List") {
		return n.cached.List(ctx, list, opts...)
	}
	return n.Reader.List(ctx, list, opts...)
}
