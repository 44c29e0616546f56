package route

import (
	"cmp"
	"fmt"
	"iter"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Apply gives the VirtualService with the routes of exactly these splits: ours
// are stripped, then the copies of every route that a split touches are
// inserted directly before it. The order of the splits does not matter. It
// fails, naming the VirtualService and the route, when a weight leaves Istio's
// int32 or a sum Envoy's uint32, when a rule and a route's own match can't be said together, when
// the result would be too large (see maxMatches, maxBytes), and when the splits
// are not sound: two for one Service, a target without the reserved prefix.
func Apply(vs *unstructured.Unstructured, splits []Split) (*unstructured.Unstructured, error) {
	namespace, name := metadata(vs)
	byService, err := splitMap(splits)
	if err != nil {
		return nil, fmt.Errorf("VirtualService %s/%s: %w", namespace, name, err)
	}
	out := Strip(vs)
	var routes []any
	inserted, matches := false, 0
	for i, route := range httpRoutes(out) {
		matches += matchesOf(route, destinations(route, namespace), byService)
		if err := tooMany(matches); err != nil {
			return nil, fmt.Errorf("VirtualService %s/%s: up to HTTP route %s: %w", namespace, name, routeName("http", route, i), err)
		}
		ours, err := copies(route, namespace, byService)
		if err != nil {
			return nil, fmt.Errorf("VirtualService %s/%s: HTTP route %s: %w", namespace, name, routeName("http", route, i), err)
		}
		if IsDelegate(out) {
			apart(ours, route)
		}
		inserted = inserted || len(ours) > 0
		routes = append(append(routes, ours...), route)
	}
	if err := insertL4(out, byService); err != nil {
		return nil, fmt.Errorf("VirtualService %s/%s: %w", namespace, name, err)
	}
	if !inserted {
		return out, nil
	}
	spec(out)["http"] = routes
	if err := cmp.Or(note(out, splits), tooLarge(out)); err != nil {
		return nil, fmt.Errorf("VirtualService %s/%s: %w", namespace, name, err)
	}
	return out, nil
}

// routeName is how messages name a route: by its name where it has one, and by
// its place among the user's.
func routeName(kind string, route any, index int) string {
	fields, _ := route.(map[string]any)
	if name, _ := text(fields, "name"); name != "" {
		return fmt.Sprintf("%q (%s[%d])", name, kind, index)
	}
	return fmt.Sprintf("%s[%d]", kind, index)
}

// namedRoutes gives the user's routes of all kinds in their order, with their names.
func namedRoutes(vs *unstructured.Unstructured) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, kind := range kinds {
			index := 0
			for _, route := range list(spec(vs), kind) {
				if isOurs(route) {
					continue
				}
				if !yield(routeName(kind, route, index), route) {
					return
				}
				index++
			}
		}
	}
}
