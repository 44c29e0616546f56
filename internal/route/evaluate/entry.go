package evaluate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// entry is one match of one HTTP route: what is a route of its own in Envoy.
type entry struct {
	service virtualService
	to      *networking.HTTPRoute
	match   *networking.HTTPMatchRequest // nil: everything
	route   Route
	// dropped is why the proxy does not even have it; empty: it does.
	dropped string
}

// entries gives a VirtualService's routes for a proxy, in order. As in istiod
// (BuildHTTPRoutesForVirtualService) what comes after a match for everything is
// left out. has is false when the proxy has none of them.
func (v virtualService) entries(r Request) (out []entry, has bool) {
	gateway := r.Gateway
	if gateway == "" {
		gateway = mesh
	}
	for _, route := range v.routes {
		e := entry{service: v, to: route.HTTPRoute, route: route.at, dropped: route.dropped}
		e.route.Match = -1
		switch {
		case route.dropped != "":
			out = append(out, e)
			continue
		case len(route.Match) == 0:
			return append(out, e), true
		}
		for i, match := range route.Match {
			e.match, e.route.Match = match, i
			e.dropped = notHere(match, r, gateway)
			out = append(out, e)
			if e.dropped != "" {
				continue
			}
			has = true
			if e.catchAll() {
				return out, true
			}
		}
	}
	return out, has
}

// notHere says why a proxy does not get a match: the conditions that istiod
// decides itself (TranslateRoute). Those on the caller are ignored where
// gateways are named.
func notHere(match *networking.HTTPMatchRequest, r Request, gateway string) string {
	if port := match.GetPort(); port != 0 && port != r.Port {
		return fmt.Sprintf("port is %d, want %d", r.Port, port)
	}
	if names := match.GetGateways(); len(names) > 0 {
		if !slices.Contains(names, gateway) {
			return fmt.Sprintf("gateway is %s, want %s", gateway, strings.Join(names, " or "))
		}
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(match.GetSourceLabels())) {
		if value := match.SourceLabels[key]; r.Proxy.Labels[key] != value {
			return fmt.Sprintf("label %s of the caller is %q, want %q", key, r.Proxy.Labels[key], value)
		}
	}
	if namespace := match.GetSourceNamespace(); namespace != "" && namespace != r.Proxy.Namespace {
		return fmt.Sprintf("namespace of the caller is %s, want %s", r.Proxy.Namespace, namespace)
	}
	return ""
}

// catchAll says whether istiod takes the entry for one that matches everything
// (IsCatchAllRoute), which it looks at no further than this.
func (e entry) catchAll() bool {
	if e.match == nil {
		return true
	}
	if e.match.Method != nil || e.match.Authority != nil || e.match.Scheme != nil ||
		len(e.match.Headers)+len(e.match.WithoutHeaders)+len(e.match.QueryParams) > 0 {
		return false
	}
	switch uri := e.match.GetUri().GetMatchType().(type) {
	case *networking.StringMatch_Prefix:
		return uri.Prefix == "/"
	case *networking.StringMatch_Regex:
		return uri.Regex == ".*"
	case *networking.StringMatch_Exact:
		return false
	}
	return true
}
