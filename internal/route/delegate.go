package route

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Delegates gives the VirtualServices that HTTP routes of a root delegate to,
// ordered and each once; none for any other VirtualService. One that is named
// without a namespace is in the root's.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
func Delegates(vs *unstructured.Unstructured) []types.NamespacedName {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]bool{}
	for _, route := range httpRoutes(vs) {
		if to, ok := delegateOf(route, namespace); ok {
			found[to] = true
		}
	}
	return ordered(found)
}

// IsDelegate says whether a VirtualService has no hosts, so that its routes count
// only where a root delegates to it.
func IsDelegate(vs *unstructured.Unstructured) bool { return len(list(spec(vs), "hosts")) == 0 }

// delegateOf says where one HTTP route delegates to.
func delegateOf(route any, namespace string) (to types.NamespacedName, ok bool) {
	fields, _ := route.(map[string]any)
	delegate := object(fields, "delegate")
	name, _ := text(delegate, "name")
	if name == "" {
		return to, false
	}
	if in, _ := text(delegate, "namespace"); in != "" {
		namespace = in
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, true
}
