package evaluate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/types"
)

// How istiod puts the routes of a delegate in place of the root's
// (pilot/pkg/model/virtualservice.go): the root's conditions are added to each
// route's, and a route whose conditions don't fit within the root's is left out.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate

// merged gives a VirtualService's HTTP routes, those of its delegates in place,
// with all hosts completed.
func merged(name types.NamespacedName, spec *networking.VirtualService, all map[types.NamespacedName]*networking.VirtualService) []httpRoute {
	var out []httpRoute
	for i, root := range spec.Http {
		at := Route{VirtualService: name, Index: i, Name: root.GetName()}
		switch {
		case root == nil:
		case root.Delegate == nil:
			out = append(out, httpRoute{HTTPRoute: completed(root, name.Namespace), at: at})
		default:
			out = append(out, delegated(at, completed(root, name.Namespace), all)...)
		}
	}
	return out
}

// delegated gives the routes that stand for a root's route.
func delegated(at Route, root *networking.HTTPRoute, all map[types.NamespacedName]*networking.VirtualService) []httpRoute {
	at.Delegate = types.NamespacedName{Namespace: root.Delegate.Namespace, Name: root.Delegate.Name}
	if at.Delegate.Namespace == "" {
		at.Delegate.Namespace = at.VirtualService.Namespace
	}
	without := func(why string) []httpRoute {
		return []httpRoute{{HTTPRoute: root, at: at, dropped: why}}
	}
	delegate := all[at.Delegate]
	if delegate == nil || len(delegate.Hosts) > 0 {
		return without("there is no VirtualService " + at.Delegate.String() + " without hosts to delegate to")
	}
	visible := exports(delegate, at.Delegate.Namespace)
	if !slices.Contains(visible, "*") && !slices.Contains(visible, at.VirtualService.Namespace) {
		return without("the delegate " + at.Delegate.String() + " is not exported to namespace " + at.VirtualService.Namespace)
	}
	var out []httpRoute
	for i, own := range delegate.Http {
		if own == nil {
			continue
		}
		at.DelegateIndex = i
		own = completed(own, at.Delegate.Namespace)
		at.Name = own.Name
		match, why := mergeMatches(root.Match, own.Match)
		if why == "" {
			own.Match = match
			mergeRoute(root, own)
			at.Name = own.Name
		}
		out = append(out, httpRoute{HTTPRoute: own, at: at, dropped: why})
	}
	return out
}

// completed copies a route, with hosts and Gateways as full names.
func completed(route *networking.HTTPRoute, namespace string) *networking.HTTPRoute {
	out := route.DeepCopy()
	destinations := []*networking.Destination{out.Mirror}
	for _, to := range out.Route {
		destinations = append(destinations, to.GetDestination())
	}
	for _, mirror := range out.Mirrors {
		destinations = append(destinations, mirror.GetDestination())
	}
	for _, to := range destinations {
		if to != nil {
			to.Host = complete(to.Host, namespace)
		}
	}
	for _, match := range out.Match {
		for i, gateway := range match.GetGateways() {
			match.Gateways[i] = gatewayName(gateway, namespace)
		}
	}
	return out
}

// mergeRoute fills in what the delegate's route does not say.
func mergeRoute(root, own *networking.HTTPRoute) {
	own.Name = joined(root.Name, own.Name)
	if own.Rewrite == nil {
		own.Rewrite = root.Rewrite
	}
	if own.DirectResponse == nil {
		own.DirectResponse = root.DirectResponse
	}
	if own.Fault == nil {
		own.Fault = root.Fault
	}
	if own.Mirror == nil {
		own.Mirror = root.Mirror
	}
	if own.MirrorPercent == nil { //nolint:staticcheck // deprecated, and still merged by istiod
		own.MirrorPercent = root.MirrorPercent //nolint:staticcheck // as above
	}
	if own.MirrorPercentage == nil {
		own.MirrorPercentage = root.MirrorPercentage
	}
	if own.Mirrors == nil {
		own.Mirrors = root.Mirrors
	}
}

func joined(root, own string) string {
	switch {
	case own == "":
		return root
	case root == "":
		return own
	}
	return root + "-" + own
}

// mergeMatches gives every match of the delegate's within every match of the
// root's that it fits into. Why is not empty when one fits into none: then istiod
// leaves the whole route out.
func mergeMatches(root, own []*networking.HTTPMatchRequest) (out []*networking.HTTPMatchRequest, why string) {
	if len(root) == 0 {
		return own, ""
	}
	if len(own) == 0 {
		return root, ""
	}
	for _, leaf := range own {
		leaf = cmp.Or(leaf, &networking.HTTPMatchRequest{})
		fits := false
		conflict := ""
		for _, within := range root {
			within = cmp.Or(within, &networking.HTTPMatchRequest{})
			if conflict = conflicting(within, leaf); conflict == "" {
				out, fits = append(out, mergeMatch(within, leaf)), true
			}
		}
		if !fits {
			return nil, "istiod leaves the route out, because its condition on " + conflict + " does not fit within the root's"
		}
	}
	return out, ""
}

func mergeMatch(root, own *networking.HTTPMatchRequest) *networking.HTTPMatchRequest {
	out := own.DeepCopy()
	out.Name = joined(root.Name, own.Name)
	for _, field := range []struct{ own, root **networking.StringMatch }{
		{&out.Uri, &root.Uri}, {&out.Scheme, &root.Scheme}, {&out.Method, &root.Method}, {&out.Authority, &root.Authority},
	} {
		if *field.own == nil {
			*field.own = *field.root
		}
	}
	out.Headers = mergeMaps(root.Headers, own.Headers)
	out.WithoutHeaders = mergeMaps(root.WithoutHeaders, own.WithoutHeaders)
	out.QueryParams = mergeMaps(root.QueryParams, own.QueryParams)
	out.SourceLabels = mergeMaps(root.SourceLabels, own.SourceLabels)
	if out.Port == 0 {
		out.Port = root.Port
	}
	if out.SourceNamespace == "" {
		out.SourceNamespace = root.SourceNamespace
	}
	if len(out.Gateways) == 0 {
		out.Gateways = root.Gateways
	}
	return out
}

// mergeMaps lets the delegate's entry win.
func mergeMaps[V any](root, own map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, root)
	maps.Copy(out, own)
	return out
}

// conflicting names the first condition of a delegate's match that does not fit
// within the root's, empty when all do. As in istiod, names of headers are
// compared as they are written.
func conflicting(root, own *networking.HTTPMatchRequest) string {
	for _, part := range []struct {
		name      string
		root, own *networking.StringMatch
	}{
		{"uri", root.GetUri(), own.GetUri()}, {"scheme", root.GetScheme(), own.GetScheme()},
		{"method", root.GetMethod(), own.GetMethod()}, {"authority", root.GetAuthority(), own.GetAuthority()},
	} {
		if outside(part.root, part.own) {
			return part.name
		}
	}
	for _, part := range []struct {
		kind      string
		root, own map[string]*networking.StringMatch
	}{
		{"header", root.GetHeaders(), own.GetHeaders()},
		{"withoutHeaders", root.GetWithoutHeaders(), own.GetWithoutHeaders()},
		{"queryParams", root.GetQueryParams(), own.GetQueryParams()},
	} {
		for _, name := range slices.Sorted(maps.Keys(part.own)) {
			if outside(part.root[name], part.own[name]) {
				return part.kind + " " + name
			}
		}
	}
	return callerConflict(root, own)
}

// callerConflict is the part of it that is not about the request's content.
func callerConflict(root, own *networking.HTTPMatchRequest) string {
	switch {
	case root.GetIgnoreUriCase() != own.GetIgnoreUriCase():
		return "ignoreUriCase"
	case root.GetPort() > 0 && own.GetPort() > 0 && root.GetPort() != own.GetPort():
		return "port"
	case root.GetSourceNamespace() != "" && own.GetSourceNamespace() != root.GetSourceNamespace():
		return "sourceNamespace"
	}
	for _, key := range slices.Sorted(maps.Keys(own.GetSourceLabels())) {
		if within, ok := root.GetSourceLabels()[key]; ok && within != own.SourceLabels[key] {
			return "sourceLabels " + key
		}
	}
	if wide, narrow := root.GetGateways(), own.GetGateways(); len(wide) > 0 && len(narrow) > 0 {
		if len(wide) < len(narrow) || slices.ContainsFunc(narrow, func(name string) bool { return !slices.Contains(wide, name) }) {
			return "gateways"
		}
	}
	return ""
}

// outside says whether istiod takes a delegate's condition for one that does not
// fit within the root's (stringMatchConflict): it compares exact values and
// prefixes, and no regular expression fits anything.
func outside(root, own *networking.StringMatch) bool {
	if root == nil || own == nil {
		return false
	}
	something := func(m *networking.StringMatch) bool {
		return m.GetRegex() != "" || m.GetPrefix() != "" || m.GetExact() != ""
	}
	switch {
	case root.GetRegex() != "" && something(own), own.GetRegex() != "" && something(root):
		return true
	case root.GetExact() != "":
		return own.GetPrefix() != "" || own.GetExact() != root.GetExact()
	case root.GetPrefix() != "" && own.GetPrefix() != "":
		return !strings.HasPrefix(own.GetPrefix(), root.GetPrefix())
	case root.GetPrefix() != "" && own.GetExact() != "":
		return !strings.HasPrefix(own.GetExact(), root.GetPrefix())
	}
	return true
}
