package route

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Gaps are the ways on which callers in the mesh reach a Service by no route of
// the user's. There istiod leads them to all pods of the Service, the grayscale
// version's too, so a VirtualService of ours takes them: see [Fill].
type Gaps struct {
	// Host: no VirtualService has HTTP routes for the host.
	Host bool
	// HTTP and TCP are further ports that no HTTP or TCP route takes, sorted. A port
	// whose protocol istiod detects can be in both.
	HTTP, TCP []int64
}

// None says whether everything goes by the user's routes.
func (g Gaps) None() bool { return !g.Host && len(g.HTTP) == 0 && len(g.TCP) == 0 }

// FindGaps finds them from the Service's ports and all VirtualServices that stand
// for its host or are delegates of such. Without ports, only the host is looked
// at. The faults are what no route of ours can take, with the risk unrouted: a
// port that the user's routes take for some callers only, and a TLS port without
// a TLS route, for there a client may ask for any server name.
func FindGaps(service types.NamespacedName, ports []release.Port, all []*unstructured.Unstructured) (Gaps, intent.Faults) {
	s := goBy(service, all)
	gaps := Gaps{Host: !s.http()}
	var faults intent.Faults
	speaksHTTP := len(ports) == 0
	for _, port := range ports {
		speaks := protocols(port)
		speaksHTTP = speaksHTTP || slices.Contains(speaks, "http")
		for _, kind := range speaks {
			if kind == "http" && gaps.Host {
				continue // ours takes all ports
			}
			taken, by := s.taken(kind, port.Number)
			switch {
			case taken == always:
			case taken == sometimes:
				faults = append(faults, partly(service, port, kind, by))
			case kind == "tls":
				faults = append(faults, anyName(service, port))
			case kind == "http":
				gaps.HTTP = append(gaps.HTTP, port.Number)
			default:
				gaps.TCP = append(gaps.TCP, port.Number)
			}
		}
	}
	gaps.Host = gaps.Host && speaksHTTP
	slices.Sort(gaps.HTTP)
	slices.Sort(gaps.TCP)
	return gaps, faults
}

// protocols says what istiod lets a port carry, as the fields whose routes it
// looks at: from appProtocol, else the head of the name, else by what it detects
// in each connection.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
func protocols(port release.Port) []string {
	if port.Protocol != "" && port.Protocol != "TCP" {
		return nil
	}
	name := port.AppProtocol
	switch name {
	case "":
		name = port.Name
	case "kubernetes.io/h2c", "kubernetes.io/ws":
		return []string{"http"}
	case "kubernetes.io/wss":
		return []string{"tls"}
	}
	head, _, _ := strings.Cut(strings.ToLower(name), "-")
	switch head {
	case "http", "http2", "grpc":
		return []string{"http"}
	case "tcp", "mongo", "mysql", "redis":
		return []string{"tcp"}
	case "tls", "https":
		return []string{"tls"}
	}
	switch port.Number {
	case 25, 53, 3306, 27017: // the server speaks first, so nothing is detected
		return []string{"tcp"}
	}
	return []string{"http", "tcp"}
}

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

func portName(service types.NamespacedName, port release.Port) string {
	return fmt.Sprintf("Service %s port %d", service, port.Number)
}

// partly is the fault of a port that is taken for some callers only.
func partly(service types.NamespacedName, port release.Port, kind string, by *unstructured.Unstructured) intent.Fault {
	namespace, name := metadata(by)
	return intent.Fault{
		Kind: intent.Forbidden, At: portName(service, port), Risk: intent.Unrouted,
		Why: fmt.Sprintf("is led by VirtualService %s/%s for some callers only (sourceLabels, sourceNamespace or destinationSubnets of its %s routes), so that the others would reach every version",
			namespace, name, kind),
		Right: fmt.Sprintf("add a last %s route without these conditions", kind),
	}
}

// anyName is the fault of a TLS port without a route.
func anyName(service types.NamespacedName, port release.Port) intent.Fault {
	return intent.Fault{
		Kind: intent.Forbidden, At: portName(service, port), Risk: intent.Unrouted,
		Why:   "carries TLS that no TLS route leads, so that its connections would reach every version; ours can't, for a TLS route needs the server names that clients ask for",
		Right: "add a VirtualService with a TLS route for these names",
	}
}
