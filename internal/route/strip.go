package route

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	spec(out)["http"] = kept
	return out
}

// HasOurs says whether a VirtualService holds a route of ours.
func HasOurs(vs *unstructured.Unstructured) bool {
	for _, route := range httpRoutes(vs) {
		if isOurs(route) {
			return true
		}
	}
	return false
}
