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

// Or gives the gaps of both.
func (g Gaps) Or(other Gaps) Gaps {
	out := Gaps{Host: g.Host || other.Host, TCP: union(g.TCP, other.TCP)}
	if !out.Host {
		out.HTTP = union(g.HTTP, other.HTTP)
	}
	return out
}

// union gives the ports of all lists, sorted and each once; nil for none.
func union(lists ...[]int64) []int64 {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return slices.Compact(out)
}

// FilledBy reads back which gaps a VirtualService of ours takes: what it took
// when it was written must not be let go before the user's routes that take it
// now are pinned.
func FilledBy(own *unstructured.Unstructured) Gaps {
	gaps := Gaps{TCP: portsOf(list(spec(own), "tcp"))}
	if routes := httpRoutes(own); len(routes) > 0 {
		last := routes[len(routes)-1:] // by weight; those by content have its ports
		gaps.HTTP = portsOf(last)
		gaps.Host = len(gaps.HTTP) == 0
	}
	return gaps
}

// portsOf gives the ports that routes match.
func portsOf(routes []any) []int64 {
	var out []int64
	for _, route := range routes {
		for _, match := range matches(route) {
			if port, ok := integer(match["port"]); ok && port > 0 {
				out = append(out, port)
			}
		}
	}
	return union(out)
}

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
