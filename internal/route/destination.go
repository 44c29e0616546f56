package route

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// destination is one entry of an HTTP route's list of weighted destinations.
type destination struct {
	entry   map[string]any // as it stands in the VirtualService; not to be changed
	service types.NamespacedName
	inside  bool // the host names a Service
	subset  string
	weight  int64 // 0 when absent
}

// httpRoutes gives the HTTP routes of a VirtualService, nil when it has none or
// http is no list.
func httpRoutes(vs *unstructured.Unstructured) []any { return list(spec(vs), "http") }

// destinations reads where an HTTP route sends requests. It gives none for a
// route that sends them nowhere (a redirect, a direct response, a delegate) and
// for one that is malformed anywhere: who does not understand a route must not
// copy it.
func destinations(route any, namespace string) []destination {
	fields, ok := route.(map[string]any)
	if !ok {
		return nil
	}
	for _, other := range []string{"redirect", "directResponse", "delegate"} {
		if fields[other] != nil {
			return nil
		}
	}
	var out []destination
	for _, item := range list(fields, "route") {
		d, ok := readDestination(item, namespace)
		if !ok {
			return nil
		}
		out = append(out, d)
	}
	return out
}

func readDestination(item any, namespace string) (d destination, ok bool) {
	d.entry, ok = item.(map[string]any)
	if !ok {
		return d, false
	}
	to, ok := d.entry["destination"].(map[string]any)
	if !ok {
		return d, false
	}
	host, ok := to["host"].(string)
	if !ok || host == "" {
		return d, false
	}
	d.service, d.inside = ServiceOf(host, namespace)
	if d.subset, ok = text(to, "subset"); !ok {
		return d, false
	}
	d.weight, ok = integer(d.entry["weight"])
	return d, ok
}

// isOurs says whether an HTTP route was inserted by us. It looks no further than
// at the reserved prefix, so that a copy that someone has edited is still found.
func isOurs(route any) bool {
	fields, ok := route.(map[string]any)
	if !ok {
		return false
	}
	return slices.ContainsFunc(append(destinationsIn(list(fields, "route")), mirrorDestinations(route)...), func(to map[string]any) bool {
		subset, _ := text(to, "subset")
		return strings.HasPrefix(subset, Reserved)
	})
}
