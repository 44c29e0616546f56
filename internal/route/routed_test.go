package route

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	networking "istio.io/api/networking/v1alpha3"
)

// What the tests of outcomes need from here. They are in a package of their own,
// because the evaluator imports this one.

// GenRouted gives a VirtualService that requests for reviews go by, splits, and
// the VirtualService with them: routes of the whole schema, whose conditions are
// about the same few things as [GenRequest] and the rules.
func GenRouted(t *rapid.T) (vs *unstructured.Unstructured, splits []Split, applied *unstructured.Unstructured) {
	route := (&networking.HTTPRoute{}).ProtoReflect().Descriptor()
	var routes []any
	for range rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "routes") {
		fields := genMessage(t, route)
		delete(fields, "delegate")
		if chance(t, "sends requests", 9) {
			delete(fields, "redirect")
			delete(fields, "directResponse")
		}
		if fields["mirror"] != nil {
			delete(fields, "mirrors") // Istio refuses both
		}
		if fields["match"] != nil && chance(t, "about the request", 9) {
			fields["match"] = rapid.SliceOfN(rapid.Custom(genRequestMatch), 1, 2).Draw(t, "match")
		}
		for _, to := range append(routeDestinations(fields), mirrorDestinations(fields)...) {
			if to["host"] == "" {
				to["host"] = "example.com" // Istio refuses none
			}
		}
		routes = append(routes, fields)
	}
	vs = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kindVirtualService,
		"metadata": map[string]any{"name": "vs", "namespace": "shop"},
		"spec":     map[string]any{"hosts": []any{"reviews"}, "http": routes},
	}}
	splits = genSplits(t)
	return vs, splits, appliedOr(t, vs, splits)
}

// genRequestMatch gives conditions that some of the requests fulfil.
func genRequestMatch(t *rapid.T) any {
	out := map[string]any{}
	if chance(t, "uri", 4) {
		out["uri"] = rapid.SampledFrom([]any{
			map[string]any{"prefix": "/"}, map[string]any{"prefix": "/a"}, map[string]any{"exact": "/a"}, map[string]any{"regex": "/[ab]?"},
		}).Draw(t, "uri")
		out["ignoreUriCase"] = rapid.Bool().Draw(t, "ignoreUriCase")
	}
	if chance(t, "method", 1) {
		out["method"] = map[string]any{"exact": "GET"}
	}
	named := func(field string, of10 int, names ...string) {
		if chance(t, field, of10) {
			name := rapid.SampledFrom(names).Draw(t, field)
			out[field] = map[string]any{name: genCondition(t, name)}
		}
	}
	named("headers", 4, "end-user", "End-User", "x-beta", "1", "cookie", "User-Agent", "user-agent")
	named("withoutHeaders", 3, "end-user", "user-agent", "User-Agent", "x-beta")
	named("queryParams", 4, "beta", "v")
	return out
}

func genCondition(t *rapid.T, name string) any {
	value, regex := "1", "[1j].*"
	switch strings.ToLower(name) {
	case "end-user":
		value = "jason"
	case "user-agent":
		value, regex = "Mozilla/5.0", ".*(Safari|Linux).*"
	case "cookie":
		value, regex = "User=Internal", ".*User=.*"
	case "v":
		value = "2"
	}
	return rapid.SampledFrom([]any{
		map[string]any{}, map[string]any{"exact": value}, map[string]any{"prefix": value[:1]}, map[string]any{"regex": regex},
	}).Draw(t, "condition")
}

// GenRequest gives headers and a path with a query that conditions are about.
func GenRequest(t *rapid.T) (headers map[string]string, path string) {
	headers = map[string]string{}
	for _, header := range []struct {
		name   string
		values []string
	}{
		{"end-user", []string{"jason", "jeden", "", "Jason"}}, {"x-beta", []string{"1", "2", ""}}, {"1", []string{"jason", "1"}},
		{"cookie", []string{"User=Internal", "a=1; User=Inner", "NoUser=Internal", "User"}},
		{"user-agent", []string{
			"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
			"Mozilla/5.0",
		}},
	} {
		if chance(t, "has "+header.name, 7) {
			headers[header.name] = rapid.SampledFrom(header.values).Draw(t, header.name)
		}
	}
	path = rapid.SampledFrom([]string{"/", "/a", "/A", "/ab", "/b"}).Draw(t, "path")
	query := rapid.SliceOfN(rapid.SampledFrom([]string{
		"beta=1", "beta=2", "beta", "beta=", "v=2", "v=1", "betas=1", "bet=1", "xbeta=1", "beta=1=1", "", "a=beta=1",
	}), 0, 3).Draw(t, "query")
	if len(query) > 0 || rapid.Bool().Draw(t, "question mark") {
		path += "?" + strings.Join(query, "&")
	}
	return headers, path
}
