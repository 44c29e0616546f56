package judge

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	envoyroute "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpproxy "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pilot/test/xdstest"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// proxy is what istiod gives one caller's Envoy.
type proxy struct {
	t         *testing.T
	listeners []*listener.Listener
	routes    []*envoyroute.RouteConfiguration
}

func proxyOf(t *testing.T, s *xds.FakeDiscoveryServer, namespace string, labels map[string]string) proxy {
	p := workload(s, namespace, labels)
	listeners := s.Listeners(p)
	return proxy{t: t, listeners: listeners, routes: s.RoutesFromListeners(p, listeners)}
}

// chains gives the filter chains of a listener, that by default last.
func chains(l *listener.Listener) []*listener.FilterChain {
	out := slices.Clone(l.FilterChains)
	if l.DefaultFilterChain != nil {
		out = append(out, l.DefaultFilterChain)
	}
	return out
}

// clashes finds filter chains with one match, for which Envoy refuses a listener.
func (p proxy) clashes() (wrong []string) {
	for _, l := range p.listeners {
		seen := map[string]bool{}
		for _, chain := range l.FilterChains {
			match := protojson.Format(chain.FilterChainMatch)
			if seen[match] {
				wrong = append(wrong, fmt.Sprintf("listener %s has two filter chains for %s", l.Name, match))
			}
			seen[match] = true
		}
	}
	return wrong
}

// connections compares where connections go with what the split makes of where
// they went before.
func (p proxy) connections(before proxy, weight intent.Weight, subsets route.Subsets) (wrong []string) {
	was, is := before.destinations(), p.destinations()
	for _, at := range slices.Sorted(maps.Keys(was)) {
		want := map[string]*big.Rat{}
		for name, share := range was[at] {
			for cluster, part := range shared(name, share, weight, subsets) {
				if strings.HasPrefix(at, "gateway") || cluster != "" {
					add(want, cluster, part)
				}
			}
		}
		if got := is[at]; fmt.Sprint(got) != fmt.Sprint(want) {
			wrong = append(wrong, fmt.Sprintf("%s goes to %v, want %v", at, got, want))
		}
		delete(is, at)
	}
	for at := range is {
		wrong = append(wrong, at+" is new")
	}
	return wrong
}

func add(to map[string]*big.Rat, name string, part *big.Rat) {
	if to[name] == nil {
		to[name] = new(big.Rat)
	}
	to[name].Add(to[name], part)
}

// destinations gives the clusters of each filter chain for connections, with
// their shares.
func (p proxy) destinations() map[string]map[string]*big.Rat {
	out := map[string]map[string]*big.Rat{}
	for _, l := range p.listeners {
		for _, chain := range chains(l) {
			if tcp := xdstest.ExtractTCPProxy(p.t, chain); tcp != nil {
				out[l.Name+" "+protojson.Format(chain.FilterChainMatch)] = clustersOf(tcp)
			}
		}
	}
	return out
}

func clustersOf(tcp *tcpproxy.TcpProxy) map[string]*big.Rat {
	if tcp.GetCluster() != "" {
		return map[string]*big.Rat{tcp.GetCluster(): big.NewRat(1, 1)}
	}
	sum, out := int64(0), map[string]*big.Rat{}
	for _, c := range tcp.GetWeightedClusters().GetClusters() {
		sum += int64(c.Weight)
	}
	for _, c := range tcp.GetWeightedClusters().GetClusters() {
		add(out, c.Name, big.NewRat(int64(c.Weight), sum))
	}
	return out
}

// unsplit finds HTTP routes that lead requests, or copies of them, to a cluster of
// the Service that the split should have moved, and that no copy of ours shadows.
func (p proxy) unsplit(weight intent.Weight, subsets route.Subsets) (wrong []string) {
	for _, config := range p.routes {
		for _, vh := range config.VirtualHosts {
			for i, r := range vh.Routes {
				name := moved(r, weight, subsets)
				if name == "" || slices.ContainsFunc(vh.Routes[:i], func(before *envoyroute.Route) bool {
					return proto.Equal(before.Match, r.Match)
				}) {
					continue
				}
				wrong = append(wrong, fmt.Sprintf("%s of %s leads %s to %s", vh.Name, config.Name, protojson.Format(r.Match), name))
			}
		}
	}
	return wrong
}

// moved names a cluster of the route's that the split should have moved.
func moved(r *envoyroute.Route, weight intent.Weight, subsets route.Subsets) string {
	action := r.GetRoute()
	names := []string{action.GetCluster()}
	for _, c := range action.GetWeightedClusters().GetClusters() {
		names = append(names, c.Name)
	}
	for _, m := range action.GetRequestMirrorPolicies() {
		names = append(names, m.Cluster)
	}
	for _, name := range names {
		if to := shared(name, big.NewRat(1, 1), weight, subsets); name != "" && to[name] == nil {
			return name
		}
	}
	return ""
}
