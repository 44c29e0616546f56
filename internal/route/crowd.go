package route

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// GatewayHosts says where a VirtualService stands beside others at a gateway:
// "namespace/gateway host", sorted and each once.
func GatewayHosts(vs *unstructured.Unstructured) []string {
	namespace, _ := metadata(vs)
	var out []string
	for _, gateway := range texts(list(spec(vs), "gateways")) {
		switch {
		case gateway == "mesh":
			continue
		case !strings.Contains(gateway, "/"):
			gateway = namespace + "/" + gateway
		}
		for _, host := range texts(list(spec(vs), "hosts")) {
			out = append(out, gateway+" "+meshHost(host, namespace))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// CrowdFaults finds, after [Apply], what a copy by content would do to another
// VirtualService of the same host at the same gateway. A gateway has the routes of
// all of them, the oldest's first, and those that match everything last
// (SortVHostRoutes in pilot/pkg/networking/core/route/route.go). A copy by content of
// such a route matches not everything any more, so it would come before routes
// that the user's own comes after: those of a younger VirtualService, and a
// match for everything of an older one. others are all VirtualServices that may
// share its host, and those that may delegate to it.
func CrowdFaults(after *unstructured.Unstructured, others []*unstructured.Unstructured) (faults intent.Faults) {
	if !narrowsAll(after) {
		return nil
	}
	for _, at := range standsAt(after, others) {
		for _, other := range others {
			if Ours(other) || identity(other) == identity(at) || !shareHost(at, other) {
				continue
			}
			older := compareAge(other, at) < 0
			if !slices.ContainsFunc(httpRoutes(other), func(route any) bool { return !isOurs(route) && matchesAll(route) == older }) {
				continue
			}
			faults = append(faults, intent.Fault{
				Kind: intent.Conflict, At: kindVirtualService + " " + identity(after),
				Why: "has a route that matches everything, and shares its gateway and host with VirtualService " + identity(other) +
					", whose requests a rule by content would take",
				Right: "move the routes of both into one VirtualService, or give each a host of its own",
			})
		}
	}
	return faults
}

// narrowsAll says whether a copy by content stands before a route that matches
// everything.
func narrowsAll(vs *unstructured.Unstructured) bool {
	return slices.ContainsFunc(groups(vs), func(g group) bool { return len(g.content) > 0 && matchesAll(g.user) })
}

// standsAt gives the VirtualServices by which this one stands at gateways: itself
// or, for a delegate, its roots.
func standsAt(vs *unstructured.Unstructured, others []*unstructured.Unstructured) []*unstructured.Unstructured {
	if !IsDelegate(vs) {
		return []*unstructured.Unstructured{vs}
	}
	var out []*unstructured.Unstructured
	for _, other := range others {
		if slices.ContainsFunc(Delegates(other), func(to types.NamespacedName) bool { return to.String() == identity(vs) }) {
			out = append(out, other)
		}
	}
	return out
}

func shareHost(a, b *unstructured.Unstructured) bool {
	mine := GatewayHosts(a)
	return slices.ContainsFunc(GatewayHosts(b), func(at string) bool { return slices.Contains(mine, at) })
}

// matchesAll says whether a route, or one of its matches, is for every request.
func matchesAll(route any) bool {
	fields, ok := route.(map[string]any)
	if !ok {
		return false
	}
	matches := list(fields, "match")
	return len(matches) == 0 || slices.ContainsFunc(matches, isCatchAll)
}

// isCatchAll looks at what istiod does (IsCatchAllMatch), and errs on the side of
// a match that is for everything.
func isCatchAll(match any) bool {
	fields, _ := match.(map[string]any)
	for _, condition := range []string{"headers", "withoutHeaders", "queryParams", "method", "scheme", "authority"} {
		if len(object(fields, condition)) > 0 {
			return false
		}
	}
	uri := object(fields, "uri")
	prefix, _ := text(uri, "prefix")
	regex, _ := text(uri, "regex")
	return len(uri) == 0 || prefix == "/" || regex == "*" || regex == ".*"
}

// compareAge orders as istiod does: by age, then by name and namespace.
func compareAge(a, b *unstructured.Unstructured) int {
	aNamespace, aName := metadata(a)
	bNamespace, bName := metadata(b)
	return cmp.Or(cmp.Compare(born(a), born(b)), cmp.Compare(aName+"."+aNamespace, bName+"."+bNamespace))
}

func identity(u *unstructured.Unstructured) string {
	namespace, name := metadata(u)
	return namespace + "/" + name
}
