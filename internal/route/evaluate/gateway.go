package evaluate

import (
	"encoding/json"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// gateway is a Gateway with the namespaces of its servers' hosts completed.
type gateway struct{ servers []*networking.Server }

func readGateways(objects []*unstructured.Unstructured) map[string]gateway {
	out := map[string]gateway{}
	for _, obj := range objects {
		if obj == nil {
			continue
		}
		text, err := json.Marshal(obj.Object["spec"])
		if err != nil {
			continue
		}
		spec := &networking.Gateway{}
		if err := spec.UnmarshalJSON(text); err != nil {
			continue
		}
		name := nameOf(obj)
		for _, server := range spec.Servers {
			for i, host := range server.GetHosts() {
				if rest, ok := strings.CutPrefix(host, "./"); ok {
					server.Hosts[i] = name.Namespace + "/" + rest
				}
			}
		}
		out[name.String()] = gateway{servers: spec.Servers}
	}
	return out
}

// hosts are those that a Gateway serves on a port for VirtualServices of a
// namespace, server by server. One that is not known serves all.
func (e *Evaluator) hosts(name string, port uint32, namespace string) (out []string) {
	known, ok := e.gateways[name]
	if !ok {
		return []string{"*"}
	}
	for _, server := range known.servers {
		if server.GetPort().GetNumber() == port {
			out = append(out, hostsFor(server, namespace)...)
		}
	}
	return out
}

// hostsFor are a server's hosts for VirtualServices of a namespace.
func hostsFor(server *networking.Server, namespace string) (out []string) {
	for _, host := range server.GetHosts() {
		from, rest, has := strings.Cut(host, "/")
		switch {
		case !has:
			rest = host
		case from != "*" && from != namespace:
			continue
		}
		out = append(out, strings.ToLower(rest))
	}
	return out
}

// secured are the hosts of a Gateway's port that are only served over TLS: those
// without it are redirected, before any route. A host that the server itself
// names is, even without a VirtualService.
func (e *Evaluator) secured(r Request, visible []virtualService) map[string]bool {
	out := map[string]bool{}
	for _, server := range e.gateways[r.Gateway].servers {
		if server.GetPort().GetNumber() != r.Port || !server.GetTls().GetHttpsRedirect() {
			continue
		}
		for _, host := range server.GetHosts() {
			out[strings.ToLower(host)] = true
		}
		for _, v := range visible {
			if _, has := v.entries(r); has {
				for _, host := range intersection(hostsFor(server, v.name.Namespace), v.hosts) {
					out[host] = true
				}
			}
		}
	}
	return out
}

// atGateway finds the virtual host that a gateway has for the request's host, and
// its routes. It follows istiod's buildGatewayHTTPRouteConfig: all VirtualServices
// with the same host share it, in their order, with the matches for everything at
// the end.
func (e *Evaluator) atGateway(r Request) (host string, entries []entry, secured bool) {
	routes := map[string][]entry{}
	visible := e.visible(r.Proxy.Namespace, r.Gateway)
	tls := e.secured(r, visible)
	for name := range tls {
		routes[name] = nil
	}
	for _, v := range visible {
		own, has := v.entries(r)
		if !has {
			continue
		}
		for _, name := range intersection(e.hosts(r.Gateway, r.Port, v.name.Namespace), v.hosts) {
			routes[name] = append(routes[name], own...)
		}
	}
	host = virtualHostFor(routes, r.domain())
	entries = slices.Clone(routes[host])
	slices.SortStableFunc(entries, func(a, b entry) int { return boolean(a.last()) - boolean(b.last()) })
	return host, entries, tls[host]
}

// last says whether the entry goes to the end of a virtual host's routes.
func (e entry) last() bool { return e.dropped == "" && e.catchAll() }

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// intersection gives the narrower host of every pair that overlaps, each once.
func intersection(servers, hosts []string) (out []string) {
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, server := range servers {
		for _, host := range hosts {
			if server == host || covers(host, server) {
				add(server)
			} else if covers(server, host) {
				add(host)
			}
		}
	}
	return out
}

// virtualHostFor is how Envoy chooses: the exact name, else the longest wildcard,
// else "*".
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#envoy-v3-api-field-config-route-v3-virtualhost-domains
func virtualHostFor(routes map[string][]entry, host string) string {
	if _, ok := routes[host]; ok {
		return host
	}
	best := ""
	for name := range routes {
		// A wildcard stands for at least one character, but for "*".
		if covers(name, host) && (name == "*" || len(host) >= len(name)) && moreSpecific(name, best) {
			best = name
		}
	}
	return best
}
