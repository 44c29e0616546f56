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
	eachUserDestination(out, func(to map[string]any) {
		host, _ := text(to, "host")
		subset, _ := text(to, "subset")
		named, inside := ServiceOf(host, namespace)
		if name, ok := names[subset]; ok && inside && named == service && subset != "" {
			to["subset"] = name
		}
	})
	return out
}

// eachUserDestination visits the destination objects of all routes and mirrors
// that are not ours, as they stand in the object.
func eachUserDestination(vs *unstructured.Unstructured, visit func(to map[string]any)) {
	for _, kind := range []string{"http", "tcp", "tls"} {
		for _, route := range list(spec(vs), kind) {
			if isOurs(route) {
				continue
			}
			for _, to := range append(routeDestinations(route), mirrorDestinations(route)...) {
				visit(to)
			}
		}
	}
}
