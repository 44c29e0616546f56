package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// SubsetsOf gives the subsets of the Service that destinations and
// mirrors of a VirtualService's routes name, ours and the user's, sorted and each once;
// "" stands for a destination without one.
func SubsetsOf(vs *unstructured.Unstructured, service types.NamespacedName) []string {
	namespace, _ := metadata(vs)
	var out []string
	for _, route := range allRoutes(vs) {
		for _, d := range append(destinations(route, namespace), mirrorsIn(route, namespace)...) {
			if d.inside && d.service == service {
				out = append(out, d.subset)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// SubsetNames gives the names of a DestinationRule's subsets, in its order.
func SubsetNames(rule *unstructured.Unstructured) []string {
	var out []string
	for _, item := range list(spec(rule), "subsets") {
		subset, _ := item.(map[string]any)
		if name, _ := text(subset, "name"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// Selector gives the labels of a DestinationRule's subset; ok is false where
// the rule has none of that name.
func Selector(rule *unstructured.Unstructured, name string) (selector map[string]string, ok bool) {
	for _, item := range list(spec(rule), "subsets") {
		subset, _ := item.(map[string]any)
		if have, _ := text(subset, "name"); have == name {
			return labels(subset, "labels"), true
		}
	}
	return nil, false
}
