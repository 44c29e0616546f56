package judge

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Generators of what Istio's validation accepts, nearly always: the generators in
// the route room's own tests make whatever an API server stores.

// pick gives one of these values; nil leaves a field out.
func pick(t *rapid.T, what string, from ...any) any { return rapid.SampledFrom(from).Draw(t, what) }

// with gives an object of the fields that are not nil.
func with(fields map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range fields {
		if value != nil {
			out[key] = value
		}
	}
	return out
}

func one(fields map[string]any) []any { return []any{fields} }

// manyOf gives a list, nil for an empty one.
func manyOf(t *rapid.T, what string, least, most int, item func(*rapid.T) any) any {
	var out []any
	for range rapid.IntRange(least, most).Draw(t, what) {
		out = append(out, item(t))
	}
	if out == nil {
		return nil
	}
	return out
}

// genVirtualServices gives up to three, and perhaps a root with its delegate.
func genVirtualServices(t *rapid.T) []map[string]any {
	var out []map[string]any
	for i := range rapid.IntRange(0, 3).Draw(t, "virtual services") {
		out = append(out, virtualService(fmt.Sprintf("vs-%d", i), i, genSpec(t)))
	}
	if rapid.IntRange(0, 2).Draw(t, "delegation") == 0 {
		root := with(map[string]any{"match": manyOf(t, "matches", 0, 2, genHTTPMatch), "mirror": pick(t, "mirror", nil, nil, map[string]any{"host": "ratings"})})
		root["delegate"] = map[string]any{"name": "team"}
		out = append(out,
			virtualService("root", 4, map[string]any{"hosts": []any{host}, "http": []any{root, genHTTPRoute(t)}}),
			virtualService("team", 5, map[string]any{"http": manyOf(t, "routes", 1, 2, genHTTPRoute)}))
	}
	return out
}

func virtualService(name string, age int, spec map[string]any) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "shop", "creationTimestamp": fmt.Sprintf("2026-01-0%dT00:00:00Z", age+1)},
		"spec":     spec,
	}
}

func genSpec(t *rapid.T) map[string]any {
	out := with(map[string]any{
		"hosts":    pick(t, "hosts", []any{host}, []any{"reviews"}, []any{"reviews", "shop.example.com"}, []any{"shop.example.com"}, []any{"ratings"}),
		"gateways": pick(t, "gateways", nil, nil, []any{"mesh"}, []any{"mesh", "edge"}, []any{"shop/edge"}),
		"exportTo": pick(t, "exportTo", nil, nil, nil, []any{"."}),
		"http":     manyOf(t, "http", 0, 3, genHTTPRoute),
		"tcp":      manyOf(t, "tcp", 0, 2, genTCPRoute),
	})
	if rapid.IntRange(0, 1).Draw(t, "has tls") == 0 {
		out["tls"] = []any{genTLSRoute(t, out["hosts"].([]any))}
	}
	if out["http"] == nil && out["tcp"] == nil && out["tls"] == nil {
		out["http"] = []any{genHTTPRoute(t)}
	}
	return out
}

func genHTTPRoute(t *rapid.T) any {
	out := with(map[string]any{
		"name":    pick(t, "name", nil, "a"),
		"match":   manyOf(t, "matches", 0, 2, genHTTPMatch),
		"timeout": pick(t, "timeout", nil, nil, "2s"),
		"retries": pick(t, "retries", nil, nil, map[string]any{"attempts": int64(2)}),
		"headers": pick(t, "headers", nil, nil, map[string]any{"request": map[string]any{"set": map[string]any{"x-shop": "1"}}}),
	})
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		out["redirect"] = map[string]any{"uri": "/moved"}
		delete(out, "retries")
		delete(out, "timeout")
		return out
	case 1:
		out["directResponse"] = map[string]any{"status": int64(418)}
		delete(out, "retries")
		delete(out, "timeout")
		return out
	case 2:
		out["mirror"] = map[string]any{"host": "ratings"}
		out["mirrorPercentage"] = map[string]any{"value": 12.5}
	case 3:
		out["mirrors"] = one(map[string]any{"destination": map[string]any{"host": "reviews"}, "percentage": map[string]any{"value": 50.0}})
	case 4:
		out["rewrite"] = map[string]any{"uri": "/v2"}
	case 5:
		out["fault"] = map[string]any{"abort": map[string]any{"httpStatus": int64(503), "percentage": map[string]any{"value": 1.0}}}
	}
	out["route"] = genDestinations(t)
	return out
}

func genDestinations(t *rapid.T) []any {
	number := rapid.IntRange(1, 3).Draw(t, "destinations")
	var out []any
	for range number {
		to := with(map[string]any{
			"host":   pick(t, "destination", "reviews", "reviews", host, "ratings"),
			"subset": pick(t, "subset", nil, nil, "v1"),
			"port":   pick(t, "port", nil, nil, map[string]any{"number": int64(8080)}),
		})
		if to["host"] == "ratings" {
			delete(to, "subset")
		}
		entry := map[string]any{"destination": to}
		if number > 1 {
			entry["weight"] = pick(t, "weight", int64(1), int64(30), int64(70), int64(0))
		}
		out = append(out, entry)
	}
	if number > 1 {
		out[0].(map[string]any)["weight"] = int64(5) // not all may be 0
	}
	return out
}

func genHTTPMatch(t *rapid.T) any {
	exact := func(value string) map[string]any { return map[string]any{"exact": value} }
	return with(map[string]any{
		"uri":           pick(t, "uri", nil, map[string]any{"prefix": "/a"}, exact("/a/b"), map[string]any{"regex": "/a.*"}),
		"ignoreUriCase": pick(t, "ignoreUriCase", nil, nil, nil, true),
		"headers": pick(t, "headers", nil, nil, map[string]any{"end-user": exact("jason")}, map[string]any{"cookie": map[string]any{"regex": ".*a=b.*"}},
			map[string]any{"end-user": map[string]any{}}),
		"withoutHeaders":  pick(t, "withoutHeaders", nil, nil, map[string]any{"user-agent": map[string]any{"regex": ".*bot.*"}}),
		"queryParams":     pick(t, "queryParams", nil, nil, map[string]any{"beta": exact("1")}),
		"port":            pick(t, "port", nil, nil, nil, int64(8080), int64(8081)),
		"sourceLabels":    pick(t, "sourceLabels", nil, nil, nil, map[string]any{"app": "web"}),
		"sourceNamespace": pick(t, "sourceNamespace", nil, nil, nil, nil, "web"),
	})
}

func genTCPRoute(t *rapid.T) any {
	return with(map[string]any{
		"match": manyOf(t, "matches", 0, 2, func(t *rapid.T) any {
			return with(map[string]any{
				"port":               pick(t, "port", nil, int64(9000), int64(9000), int64(9001), int64(9100)),
				"sourceLabels":       pick(t, "sourceLabels", nil, nil, nil, map[string]any{"app": "web"}),
				"gateways":           pick(t, "gateways", nil, nil, nil, []any{"mesh"}),
				"destinationSubnets": pick(t, "destinationSubnets", nil, nil, nil, nil, []any{"10.0.0.9/32"}),
			})
		}),
		"route": genDestinations(t),
	})
}

// genTLSRoute gives one with server names among the hosts, as Istio wants it.
func genTLSRoute(t *rapid.T, hosts []any) any {
	return map[string]any{
		"match": manyOf(t, "matches", 1, 2, func(t *rapid.T) any {
			return with(map[string]any{
				"sniHosts": []any{pick(t, "sniHost", hosts...)},
				"port":     pick(t, "port", nil, int64(9443)),
			})
		}),
		"route": genDestinations(t),
	}
}

// genShare gives a policy.
func genShare(t *rapid.T) intent.Share {
	out := intent.Share{Weight: intent.Weight(rapid.SampledFrom([]int32{0, 0, 1, 1000, 5050, 10000}).Draw(t, "weight"))}
	if out.Weight == 0 {
		out.Mirror = intent.Weight(rapid.SampledFrom([]int32{0, 0, 1250}).Draw(t, "mirror"))
	}
	rules := []content.Rule{
		{Headers: map[string]content.Match{"end-user": {Kind: content.Exact, Value: "jason"}}},
		{Cookie: &content.Cookie{Name: "User", Match: content.Match{Kind: content.Exact, Value: "Internal"}}},
		{Query: map[string]content.Match{"beta": {Kind: content.Prefix, Value: "1"}}},
		{OS: []string{"Linux"}, Browser: []string{"Edge"}},
	}
	for _, rule := range rules {
		if out.Weight < intent.Full && rapid.IntRange(0, 3).Draw(t, "rule") == 0 {
			out.Match = append(out.Match, rule)
		}
	}
	return out
}
