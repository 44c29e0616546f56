package webhook

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// reader reads what decisions need, from the API server itself but for Deployments.
type reader struct {
	live     client.Reader
	settings plan.Settings
}

func (r reader) list(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]unstructured.Unstructured, error) {
	list, err := r.page(ctx, kind, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("listing %ss of namespace %s: %w", kind.Kind, namespace, err)
	}
	return list.Items, nil
}

func (r reader) page(ctx context.Context, kind schema.GroupVersionKind, opts ...client.ListOption) (list unstructured.UnstructuredList, err error) {
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return list, r.live.List(ctx, &list, opts...)
}

func (r reader) services(ctx context.Context, namespace string) ([]release.Service, error) {
	items, err := r.list(ctx, snapshot.Services, namespace)
	services := make([]release.Service, len(items))
	for n := range items {
		services[n] = release.ServiceOf(&items[n])
	}
	return services, err
}

func (r reader) claims(ctx context.Context, namespace string) (decide.Claims, error) {
	services, err := r.services(ctx, namespace)
	return decide.ClaimsOf(services), err
}

// world reads what stands around a workload of the namespace.
func (r reader) world(ctx context.Context, namespace string) (release.World, error) {
	services, err := r.services(ctx, namespace)
	if err != nil {
		return release.World{}, err
	}
	items, err := r.list(ctx, snapshot.Deployments, namespace)
	workloads := make([]release.Workload, len(items))
	for n := range items {
		workloads[n] = release.WorkloadOf(&items[n])
	}
	return release.World{Services: services, Workloads: workloads, VersionLabel: r.settings.VersionLabel}, err
}
