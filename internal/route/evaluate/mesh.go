package evaluate

import (
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// inMesh finds the virtual host that a sidecar has for the request's host, and
// its routes, after those that VirtualServices for the host have for other proxies
// and ports alone; host is empty when no VirtualService made one. It follows istiod's
// BuildSidecarOutboundVirtualHosts: the first VirtualService that has a route for
// this proxy and port gets the host, exact names before wildcards.
func (e *Evaluator) inMesh(r Request) (host string, entries []entry) {
	services := e.visible(r.Proxy.Namespace, mesh)
	literal := strings.TrimSuffix(r.domain(), ".")
	full := ""
	if service, ok := route.Resolved(literal, r.Proxy.Namespace); ok {
		full = route.Host(service)
	}
	wildcard, chosen := widest(services, full)
	widestLiteral := ""
	var others, fallback []entry
	for i, v := range services {
		own, has := v.entries(r)
		name := ""
		switch {
		case full != "" && slices.Contains(v.hosts, full):
			name = full
		case i == chosen:
			name = wildcard
		case v.outside(r, literal) && slices.Contains(v.hosts, literal):
			name = literal
		case v.outside(r, literal) && has:
			if wide := mostSpecific(v.hosts, literal); moreSpecific(wide, widestLiteral) {
				widestLiteral, fallback = wide, own
			}
		}
		if name != "" && has {
			return name, append(others, own...)
		}
		if name != "" {
			others = append(others, own...) // for this proxy it does not exist
		}
	}
	return widestLiteral, append(others, fallback...)
}

// widest finds which VirtualService stands for a Service by a wildcard: the first
// of those with the longest one, if none names the Service.
func widest(services []virtualService, full string) (wildcard string, index int) {
	index = -1
	for i, v := range services {
		if full == "" || slices.Contains(v.hosts, full) {
			return "", -1
		}
		if name := mostSpecific(v.hosts, full); moreSpecific(name, wildcard) {
			wildcard, index = name, i
		}
	}
	return wildcard, index
}

// outside says whether the VirtualService's hosts that are no Service's count
// for a request to that name: they do on port 80, and beside a host that is one.
func (v virtualService) outside(r Request, literal string) bool {
	if _, ok := route.Resolved(literal, ""); ok && strings.HasSuffix(literal, "."+domain) {
		return false
	}
	return r.Port == 80 || slices.ContainsFunc(v.hosts, func(host string) bool { return strings.HasSuffix(host, "."+domain) })
}

// mostSpecific gives the longest wildcard that covers a host, empty for none.
func mostSpecific(hosts []string, host string) string {
	best := ""
	for _, name := range hosts {
		if covers(name, host) && moreSpecific(name, best) {
			best = name
		}
	}
	return best
}

// moreSpecific orders wildcards as istiod does, any before none.
func moreSpecific(a, b string) bool {
	return len(a) > len(b) || len(a) == len(b) && a < b
}

// covers says whether a wildcard covers another host.
func covers(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(host, suffix)
}
