package route

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	apiVersion          = "networking.istio.io/v1"
	kindVirtualService  = "VirtualService"
	kindDestinationRule = "DestinationRule"
)

// Own is the VirtualService of ours for a Service whose host has none in the
// mesh. It is ours as a whole: it does what istiod does by itself for a host
// without a VirtualService, to the split's subsets. Without a port, a destination
// means the port that was called.
func Own(split Split) (*unstructured.Unstructured, error) {
	target, ok := split.Subsets[""]
	if !ok {
		target = Target{Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror}
	}
	target.Pinned = false
	split.Subsets = Subsets{"": target}
	route := map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": Host(split.Service)}}}}
	routes, err := copies(route, split.Service.Namespace, map[types.NamespacedName]Split{split.Service: split})
	if err != nil {
		return nil, fmt.Errorf("Service %s: %w", split.Service, err)
	}
	out := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kindVirtualService,
		"metadata":   ourMetadata(split.Service, split.Service.Namespace, ourName(split.Service)),
		"spec": map[string]any{
			"hosts": []any{Host(split.Service)},
			"http":  routes,
		},
	}}
	return out, note(out, []Split{split})
}
