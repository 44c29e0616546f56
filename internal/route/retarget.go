package route

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Retarget gives the VirtualService with the user's own routes moved from one
// subset of the Service to another, as a finish by replacement does: every
// destination and mirror of the Service whose subset is a key of names gets the
// value. Our routes, and destinations without a subset, stay.
func Retarget(vs *unstructured.Unstructured, service types.NamespacedName, names map[string]string) *unstructured.Unstructured {
	namespace, _ := metadata(vs)
	out := clone(vs)
	eachDestination(out, func(route any, to map[string]any) {
		host, _ := text(to, "host")
		subset, _ := text(to, "subset")
		named, inside := ServiceOf(host, namespace)
		if name, ok := names[subset]; ok && inside && named == service && subset != "" && !isOurs(route) {
			to["subset"] = name
		}
	})
	return out
}
