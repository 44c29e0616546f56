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

// Fill is the VirtualService of ours for what no route of the user's takes. It is
// ours as a whole: it does what istiod does by itself there, to the split's
// subsets. Without a port, a destination means the port that was called. Beside
// a VirtualService of the user's for the same host it takes the ports of the gaps
// alone, whichever of the two is older: istiod goes by the first that has routes
// for a port.
func Fill(split Split, gaps Gaps) (*unstructured.Unstructured, error) {
	target, ok := split.Subsets[""]
	if !ok {
		target = Target{Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror}
	}
	target.Pinned = false
	split.Subsets = Subsets{"": target}
	splits := map[types.NamespacedName]Split{split.Service: split}
	fields := map[string]any{"hosts": []any{Host(split.Service)}}
	if gaps.Host || len(gaps.HTTP) > 0 {
		ports := gaps.HTTP
		if gaps.Host {
			ports = nil
		}
		route := plainRoute(split.Service, ports)
		if err := tooMany(matchesOf(route, destinations(route, split.Service.Namespace), splits)); err != nil {
			return nil, fmt.Errorf("Service %s: %w", split.Service, err)
		}
		routes, err := copies(route, split.Service.Namespace, splits)
		if err != nil {
			return nil, fmt.Errorf("Service %s: %w", split.Service, err)
		}
		fields["http"] = routes
	}
	if len(gaps.TCP) > 0 {
		route, err := l4Copy(plainRoute(split.Service, gaps.TCP), split.Service.Namespace, splits)
		if err != nil {
			return nil, fmt.Errorf("Service %s: %w", split.Service, err)
		}
		fields["tcp"] = []any{route}
	}
	out := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kindVirtualService,
		"metadata":   ourMetadata(split.Service, split.Service.Namespace, ourName(split.Service)),
		"spec":       fields,
	}}
	return out, note(out, []Split{split})
}

// plainRoute is what istiod does with the ports of a Service, all of them where
// none is given, when no route takes them.
func plainRoute(service types.NamespacedName, ports []int64) map[string]any {
	out := map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": Host(service)}}}}
	var matches []any
	for _, port := range ports {
		matches = append(matches, map[string]any{"port": port})
	}
	if matches != nil {
		out["match"] = matches
	}
	return out
}
