package route

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

const (
	apiVersion          = "networking.istio.io/v1"
	kindVirtualService  = "VirtualService"
	kindDestinationRule = "DestinationRule"
)

// Own is the VirtualService of ours for a Service whose host has none in the
// mesh. It is ours as a whole: it does what istiod does by itself for a host
// without a VirtualService, to the split's subsets. Without a port, a destination
// means the port that was called.
func Own(split Split) *unstructured.Unstructured {
	target, ok := split.Subsets[""]
	if !ok {
		target = Target{Original: SubsetOriginal, Version: SubsetVersion}
	}
	target.Pinned = false
	split.Subsets = Subsets{"": target}
	user := destination{
		entry:   map[string]any{"destination": map[string]any{"host": Host(split.Service)}},
		service: split.Service,
		inside:  true,
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kindVirtualService,
		"metadata":   ourMetadata(split.Service, split.Service.Namespace, ourName(split.Service)),
		"spec": map[string]any{
			"hosts": []any{Host(split.Service)},
			"http":  []any{map[string]any{"route": weighLone(divide(user, split))}},
		},
	}}
}
