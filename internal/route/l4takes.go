package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// takes says whether routes take a port's traffic.
type takes int

const (
	never     takes = iota
	sometimes       // for some callers, or some destination addresses
	always
)

// stander is what sidecars go by for one host.
type stander struct {
	public    []*unstructured.Unstructured // count for all sidecars
	delegates map[types.NamespacedName]*unstructured.Unstructured
	service   types.NamespacedName
}

// goBy finds what sidecars of all namespaces go by for a Service.
func goBy(service types.NamespacedName, all []*unstructured.Unstructured) stander {
	s := stander{delegates: map[types.NamespacedName]*unstructured.Unstructured{}, service: service}
	for _, vs := range all {
		if vs == nil || Ours(vs) {
			continue
		}
		if IsDelegate(vs) {
			namespace, name := metadata(vs)
			s.delegates[types.NamespacedName{Namespace: namespace, Name: name}] = vs
			continue
		}
		if stand := Stands(vs, service); stand.Mesh && stand.Everywhere && (stand.Host || stand.Wildcard != "") {
			s.public = append(s.public, vs)
		}
	}
	return s
}

// http says whether a VirtualService with HTTP routes stands for the very host.
func (s stander) http() bool {
	return slices.ContainsFunc(s.public, func(vs *unstructured.Unstructured) bool { return Stands(vs, s.service).InMesh() })
}

// taken says whether routes of a kind take a port's traffic; by is the last
// VirtualService that does so for some.
func (s stander) taken(kind string, port int64) (best takes, by *unstructured.Unstructured) {
	for _, vs := range s.public {
		if kind == "http" && !Stands(vs, s.service).Host {
			continue // istiod takes the most specific host
		}
		for _, route := range list(spec(vs), kind) {
			got := routeTakes(kind, route, port)
			if kind == "http" && got > never {
				namespace, _ := metadata(vs)
				got = min(got, s.delegated(route, namespace, port))
			}
			if got > never && best != always {
				by = vs
			}
			best = max(best, got)
		}
	}
	return best, by
}

// delegated is how far the delegate of a route takes a port's traffic, once istiod
// has merged its routes into this one; all of it where the route delegates nothing.
func (s stander) delegated(route any, namespace string, port int64) takes {
	to, ok := delegateOf(route, namespace)
	if !ok {
		return always
	}
	delegate, best := s.delegates[to], never
	if !VisibleIn(delegate, namespace) {
		return never
	}
	for _, own := range list(spec(delegate), "http") {
		best = max(best, mergedTakes(matches(route), matches(own), port))
	}
	return best
}

// mergedTakes judges a route of a delegate's within the root's matches.
func mergedTakes(roots, own []map[string]any, port int64) takes {
	if len(roots) == 0 {
		roots = []map[string]any{nil}
	} else if slices.ContainsFunc(own, func(match map[string]any) bool { return !fits(roots, match) }) {
		return never // left out
	}
	if len(own) == 0 {
		own = []map[string]any{nil}
	}
	best := never
	for _, within := range roots {
		for _, match := range own {
			if match == nil || within == nil || conflict(within, match) == "" {
				best = max(best, min(matchTakes("http", within, port), matchTakes("http", match, port)))
			}
		}
	}
	return best
}

// routeTakes judges one route by what istiod decides before any request comes.
func routeTakes(kind string, route any, port int64) takes {
	fields, ok := route.(map[string]any)
	matches := list(fields, "match")
	switch {
	case !ok:
		return never
	case len(matches) == 0:
		return always
	}
	best := never
	for _, item := range matches {
		match, _ := item.(map[string]any)
		best = max(best, matchTakes(kind, match, port))
	}
	return best
}

func matchTakes(kind string, match map[string]any, port int64) takes {
	gateways := texts(list(match, "gateways"))
	if len(gateways) > 0 && !slices.Contains(gateways, mesh) {
		return never
	}
	if at, ok := integer(match["port"]); !ok || at != 0 && at != port {
		return never
	}
	source, _ := text(match, "sourceNamespace")
	narrow := len(object(match, "sourceLabels")) > 0 || source != ""
	if kind == "http" && len(gateways) > 0 {
		narrow = false // istiod looks at the gateways alone
	}
	if kind == "tcp" && len(list(match, "destinationSubnets")) > 0 {
		narrow = true
	}
	if narrow {
		return sometimes
	}
	return always
}
