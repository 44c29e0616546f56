package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Strip gives the VirtualService without our routes: what the user wrote, field
// by field. The argument is not changed.
func Strip(vs *unstructured.Unstructured) *unstructured.Unstructured {
	out := clone(vs)
	if hasNote(out) {
		unnote(out)
	}
	if !HasOurs(out) {
		return out
	}
	kept := []any{}
	for _, route := range httpRoutes(out) {
		if !isOurs(route) {
			kept = append(kept, route)
		}
	}
	if len(kept) < len(httpRoutes(out)) {
		spec(out)["http"] = kept
	}
	stripL4(out)
	return out
}

// stripL4 takes ours away from the TCP and TLS routes. Where no other is left,
// somebody has deleted the user's, and the empty list goes, too: it means nothing.
func stripL4(vs *unstructured.Unstructured) {
	for _, kind := range l4Kinds {
		routes := list(spec(vs), kind)
		switch kept := slices.DeleteFunc(slices.Clone(routes), isOurs); {
		case len(kept) == len(routes):
		case len(kept) == 0:
			delete(spec(vs), kind)
		default:
			spec(vs)[kind] = kept
		}
	}
}

// HasOurs says whether a VirtualService holds a route of ours.
func HasOurs(vs *unstructured.Unstructured) bool {
	return slices.ContainsFunc(allRoutes(vs), isOurs)
}
