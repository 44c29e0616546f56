// Package snapshot reads what a plan is made from: through the controller's
// caches, live with a user's own rights, or from YAML files. It decides nothing.
package snapshot

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The kinds that are read. Istio's v1 has been served since 1.22.
var (
	Deployments      = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	ReplicaSets      = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
	Services         = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	Pods             = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	EndpointSlices   = schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}
	VirtualServices  = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
	DestinationRules = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"}
	ServiceEntries   = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "ServiceEntry"}
	WorkloadEntries  = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "WorkloadEntry"}
	Ingresses        = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	HTTPRoutes       = schema.GroupVersionKind{Group: gatewayAPI, Version: "v1", Kind: "HTTPRoute"}
	Autoscalers      = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	ScaledObjects    = schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"}
)

const gatewayAPI = "gateway.networking.k8s.io"

// Routes are the kinds of route of the Gateway API, each with the versions in
// which it has been served, the newest first: a cluster has some of them, and
// each that it has shows all objects.
// https://gateway-api.sigs.k8s.io/concepts/versioning/
var Routes = []Versioned{
	{HTTPRoutes.GroupKind(), []string{"v1", "v1beta1"}},
	{schema.GroupKind{Group: gatewayAPI, Kind: "GRPCRoute"}, []string{"v1", "v1alpha2"}},
	{schema.GroupKind{Group: gatewayAPI, Kind: "TLSRoute"}, []string{"v1", "v1alpha3", "v1alpha2"}},
	{schema.GroupKind{Group: gatewayAPI, Kind: "TCPRoute"}, []string{"v1", "v1alpha2"}},
	{schema.GroupKind{Group: gatewayAPI, Kind: "UDPRoute"}, []string{"v1", "v1alpha2"}},
}

// Versioned is a kind with the versions to ask for.
type Versioned struct {
	schema.GroupKind
	Versions []string
}

// Object gives an empty object of a kind.
func Object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

// List reads all objects of a kind that the options leave. They are not to be
// changed: a cache hands out its own.
func List(ctx context.Context, r client.Reader, kind schema.GroupVersionKind, opts ...client.ListOption) ([]*unstructured.Unstructured, error) {
	l, err := page(ctx, r, kind, append(opts, client.UnsafeDisableDeepCopy))
	if err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, len(l.Items))
	for n := range l.Items {
		out[n] = &l.Items[n]
	}
	return out, nil
}

func page(ctx context.Context, r client.Reader, kind schema.GroupVersionKind, opts []client.ListOption) (*unstructured.UnstructuredList, error) {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.List(ctx, l, opts...); err != nil {
		return nil, fmt.Errorf("listing objects of kind %s: %w", kind.Kind, err)
	}
	return l, nil
}

// listIfServed is List for kinds that a cluster may lack.
func listIfServed(ctx context.Context, r client.Reader, kind schema.GroupVersionKind, opts ...client.ListOption) ([]*unstructured.Unstructured, error) {
	out, err := List(ctx, r, kind, opts...)
	if unserved(err) {
		return nil, nil
	}
	return out, err
}

// unserved says whether an error only means that the cluster has no such kind:
// by discovery or, where that is older, by the list itself.
func unserved(err error) bool { return meta.IsNoMatchError(err) || errors.IsNotFound(err) }

// pageSize bounds what is in memory at once of a kind that is read live.
const pageSize = 50

// Each visits all objects of a kind, live and page by page, in the first of its
// versions that is served; none where none is.
func Each(ctx context.Context, live client.Reader, kind Versioned, visit func(*unstructured.Unstructured), opts ...client.ListOption) error {
	for _, version := range kind.Versions {
		served, err := each(ctx, live, kind.WithVersion(version), visit, opts)
		if served || err != nil {
			return err
		}
	}
	return nil
}

func each(ctx context.Context, live client.Reader, kind schema.GroupVersionKind, visit func(*unstructured.Unstructured), opts []client.ListOption) (served bool, err error) {
	next := ""
	for {
		l, err := page(ctx, live, kind, append(opts[:len(opts):len(opts)], client.Limit(pageSize), client.Continue(next)))
		if unserved(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for n := range l.Items {
			visit(&l.Items[n])
		}
		if next = l.GetContinue(); next == "" {
			return true, nil
		}
	}
}
