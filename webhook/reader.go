package webhook

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

var (
	kindService    = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	kindDeployment = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	kindAutoscaler = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	kindBudget     = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
)

// reader reads what decisions need, from the API server itself.
type reader struct {
	live         client.Reader
	versionLabel string
}

func (r reader) list(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]unstructured.Unstructured, error) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing %ss of namespace %s: %w", kind.Kind, namespace, err)
	}
	return list.Items, nil
}

func (r reader) services(ctx context.Context, namespace string) ([]release.Service, error) {
	items, err := r.list(ctx, kindService, namespace)
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
	items, err := r.list(ctx, kindDeployment, namespace)
	workloads := make([]release.Workload, len(items))
	for n := range items {
		workloads[n] = release.WorkloadOf(&items[n])
	}
	return release.World{Services: services, Workloads: workloads, VersionLabel: r.versionLabel}, err
}

// counts warns of what will count both versions' pods. A kind that the cluster
// lacks, or that we may not read, is none.
func (r reader) counts(ctx context.Context, spec release.Spec) ([]string, error) {
	if !decide.Overlaps(spec) {
		return nil, nil
	}
	var found [2][]unstructured.Unstructured
	for n, kind := range []schema.GroupVersionKind{kindAutoscaler, kindBudget} {
		items, err := r.list(ctx, kind, spec.Original.Namespace)
		if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return nil, err
		}
		found[n] = items
	}
	return decide.Counts(spec, found[0], found[1]), nil
}
