// Package snapshot reads what a plan is made from: through the controller's
// caches, live with a user's own rights, or from YAML files. It decides nothing.
package snapshot

import (
	"context"
	"fmt"

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
	Ingresses        = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	HTTPRoutes       = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
	Autoscalers      = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
)

// Object gives an empty object of a kind.
func Object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

// list reads objects that are not to be changed: a cache hands out its own.
func list(ctx context.Context, r client.Reader, kind schema.GroupVersionKind, opts ...client.ListOption) ([]*unstructured.Unstructured, error) {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.List(ctx, l, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	out := make([]*unstructured.Unstructured, len(l.Items))
	for n := range l.Items {
		out[n] = &l.Items[n]
	}
	return out, nil
}

// listIfServed is list for kinds that a cluster may lack.
func listIfServed(ctx context.Context, r client.Reader, kind schema.GroupVersionKind, opts ...client.ListOption) ([]*unstructured.Unstructured, error) {
	out, err := list(ctx, r, kind, opts...)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	return out, err
}
