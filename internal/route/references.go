package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// References gives all Services that destinations and mirrors of routes name, ours and the user's, ordered and each once.
func References(vs *unstructured.Unstructured) []types.NamespacedName {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]bool{}
	for _, route := range allRoutes(vs) {
		for _, d := range destinations(route, namespace) {
			if d.inside {
				found[d.service] = true
			}
		}
		for _, d := range mirrorsIn(route, namespace) {
			if d.inside {
				found[d.service] = true
			}
		}
	}
	return ordered(found)
}

// Mirrors gives all Services that HTTP routes copy requests to.
func Mirrors(vs *unstructured.Unstructured) []types.NamespacedName {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]bool{}
	for _, route := range httpRoutes(vs) {
		for _, to := range mirrorDestinations(route) {
			host, _ := text(to, "host")
			if service, ok := ServiceOf(host, namespace); ok {
				found[service] = true
			}
		}
	}
	return ordered(found)
}

func ordered(found map[types.NamespacedName]bool) []types.NamespacedName {
	out := make([]types.NamespacedName, 0, len(found))
	for service := range found {
		out = append(out, service)
	}
	slices.SortFunc(out, compareServices)
	return out
}

// eachDestination visits the destination objects of all routes and mirrors, as
// they stand in the object, each with its route.
func eachDestination(vs *unstructured.Unstructured, visit func(route any, to map[string]any)) {
	for _, kind := range kinds {
		for _, route := range list(spec(vs), kind) {
			for _, to := range append(routeDestinations(route), mirrorDestinations(route)...) {
				visit(route, to)
			}
		}
	}
}

// routeDestinations gives the destination objects of a route of any kind, as
// they stand in it.
func routeDestinations(route any) []map[string]any {
	fields, _ := route.(map[string]any)
	return destinationsIn(list(fields, "route"))
}

// mirrorDestinations gives those of an HTTP route's mirror and mirrors.
func mirrorDestinations(route any) []map[string]any {
	fields, _ := route.(map[string]any)
	out := destinationsIn(list(fields, "mirrors"))
	if mirror := object(fields, "mirror"); mirror != nil {
		out = append(out, mirror)
	}
	return out
}

func destinationsIn(entries []any) []map[string]any {
	var out []map[string]any
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		if to := object(entry, "destination"); to != nil {
			out = append(out, to)
		}
	}
	return out
}

// mirrorsIn gives a route's mirrors as destinations of equal weight.
func mirrorsIn(route any, namespace string) []destination {
	var out []destination
	for _, to := range mirrorDestinations(route) {
		d := destination{entry: map[string]any{"destination": to}, weight: 1}
		host, _ := text(to, "host")
		d.subset, _ = text(to, "subset")
		d.service, d.inside = ServiceOf(host, namespace)
		out = append(out, d)
	}
	return out
}
