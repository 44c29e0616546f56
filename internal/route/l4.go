package route

import (
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// TCP and TLS routes are split by insertion, too, as far as istiod takes the
// first of two routes with the same match and leaves the second out:
//
//   - A sidecar ends its list at the first TCP route that fits the port
//     (buildSidecarOutboundTCPFilterChainOpts), and of two TLS routes for the same
//     server names it takes the first (buildSidecarOutboundTLSFilterChainOpts).
//   - A gateway takes the first TCP route (buildGatewayNetworkFiltersFromTCPRoutes)
//     and skips server names that it has had (buildGatewayNetworkFiltersFromTLSRoutes).
//   - A TCP route by destinationSubnets is the exception: a sidecar is given both,
//     and Envoy refuses a listener with two filter chains of one match. [L4Faults]
//     finds these.
//
// https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/tls.go
//
// A connection has no request content: of a split such a route takes the weight
// alone. It has no name either, so our copy is known by its subset and by the
// match that it shares with the user's route behind it.

// l4Kinds are the fields with routes of connections.
var l4Kinds = []string{"tcp", "tls"}

// kinds are all fields with routes.
var kinds = append([]string{"http"}, l4Kinds...)

// allRoutes gives the routes of all kinds.
func allRoutes(vs *unstructured.Unstructured) []any {
	var out []any
	for _, kind := range kinds {
		out = append(out, list(spec(vs), kind)...)
	}
	return out
}

// insertL4 puts copies before the TCP and TLS routes of a stripped VirtualService
// that a split touches.
func insertL4(vs *unstructured.Unstructured, splits map[types.NamespacedName]Split) error {
	namespace, _ := metadata(vs)
	for _, kind := range l4Kinds {
		var routes []any
		inserted := false
		for i, route := range list(spec(vs), kind) {
			ours, err := l4Copy(route, namespace, splits)
			if kind == "tcp" && bySubnet(vs, route) {
				ours = nil // Envoy refuses a second route with the same ones: see L4Faults
			}
			if err != nil {
				return fmt.Errorf("route %s[%d]: %w", kind, i, err)
			}
			if ours != nil {
				routes, inserted = append(routes, ours), true
			}
			routes = append(routes, route)
		}
		if inserted {
			spec(vs)[kind] = routes
		}
	}
	return nil
}

// l4Copy is the copy of one route; nil where none is needed.
func l4Copy(route any, namespace string, splits map[types.NamespacedName]Split) (any, error) {
	from := destinations(route, namespace)
	parts := partsOf(from, byWeight(splits), choice{})
	if !slices.ContainsFunc(parts, func(p part) bool { return p.subset != "" }) {
		return nil, nil
	}
	out := copied(route).(map[string]any)
	if len(from) == 1 {
		out["route"] = weighLone(parts)
		return out, nil
	}
	entries, err := weigh(parts)
	if err != nil {
		return nil, err
	}
	out["route"] = entries
	return out, nil
}

// byWeight leaves the weight of every split.
func byWeight(splits map[types.NamespacedName]Split) map[types.NamespacedName]Split {
	out := make(map[types.NamespacedName]Split, len(splits))
	for service, split := range splits {
		split.Match, split.Mirror = nil, 0
		out[service] = split
	}
	return out
}

// l4Groups reads the TCP and TLS routes. Each of ours is by weight; the user's is
// the next one, if that has the same match.
func l4Groups(vs *unstructured.Unstructured) []group {
	var out []group
	for _, kind := range l4Kinds {
		routes := list(spec(vs), kind)
		for i, route := range routes {
			if !isOurs(route) {
				continue
			}
			g := group{weight: route}
			if i+1 < len(routes) && !isOurs(routes[i+1]) && reflect.DeepEqual(matchOf(route), matchOf(routes[i+1])) {
				g.user = routes[i+1]
			}
			out = append(out, g)
		}
	}
	return out
}

// L4Faults finds the TCP routes of a user's VirtualService to the Service that
// can't be split: Envoy would refuse the whole listener. A risk that can be
// accepted it is not, since such a route can't be pinned either.
func L4Faults(vs *unstructured.Unstructured, service types.NamespacedName) (faults intent.Faults) {
	namespace, name := metadata(vs)
	for i, route := range list(spec(vs), "tcp") {
		if isOurs(route) || !bySubnet(vs, route) || !slices.ContainsFunc(destinations(route, namespace), func(d destination) bool {
			return d.inside && d.service == service
		}) {
			continue
		}
		faults = append(faults, intent.Fault{
			Kind: intent.Unsupported, At: fmt.Sprintf("VirtualService %s/%s route tcp[%d]", namespace, name, i),
			Why:   "sends connections to Service " + service.String() + " by destinationSubnets, and beside it no route with the same ones can stand: Envoy would refuse the listener",
			Right: "match by port",
		})
	}
	return faults
}

// bySubnet says whether a sidecar may match a TCP route by destinationSubnets; a
// gateway ignores them.
func bySubnet(vs *unstructured.Unstructured, route any) bool {
	if gateways := texts(list(spec(vs), "gateways")); len(gateways) > 0 && !slices.Contains(gateways, mesh) {
		return false
	}
	fields, _ := route.(map[string]any)
	return slices.ContainsFunc(list(fields, "match"), func(item any) bool {
		match, _ := item.(map[string]any)
		gateways := texts(list(match, "gateways"))
		return len(list(match, "destinationSubnets")) > 0 && (len(gateways) == 0 || slices.Contains(gateways, mesh))
	})
}
