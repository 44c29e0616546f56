package route

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Generators of VirtualServices over the whole HTTPRoute schema, with junk.

var (
	hosts = []string{
		"reviews", "reviews", "reviews.shop", "reviews.shop.svc.cluster.local", "REVIEWS", "REVIEWS.shop.SVC.cluster.local",
		"ratings", "ratings.other.svc", "ratings.other.svc.cluster.local", "details", "example.com", "*.shop.svc.cluster.local", "",
	}
	userSubsets = []string{"", "v1", "v1b", "v2"}
	ourServices = []string{"shop/reviews", "other/ratings", "shop/details"}
)

// junk is any JSON, in the number forms that decoders give.
func junk(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(v bool) any { return v }),
		rapid.Map(rapid.Int64(), func(v int64) any { return v }),
		rapid.Map(rapid.Float64Range(-1e6, 1e6), func(v float64) any { return v }),
		rapid.Map(rapid.Int32(), func(v int32) any { return json.Number(fmt.Sprint(v)) }),
		rapid.Map(rapid.SampledFrom([]string{"", "v1", "reviews", "grayscale"}), func(v string) any { return v }),
	)
	if depth == 0 {
		return leaf
	}
	key := rapid.SampledFrom([]string{"destination", "host", "subset", "weight", "route", "http", "future"})
	return rapid.OneOf(
		leaf,
		rapid.Map(rapid.SliceOfN(junk(depth-1), 0, 3), func(v []any) any { return v }),
		rapid.Map(rapid.MapOfN(key, junk(depth-1), 0, 3), func(v map[string]any) any { return v }),
	)
}

// number gives a weight in one of the forms that decoders give.
func number(t *rapid.T, n int64) any {
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		return float64(n)
	case 1:
		return json.Number(fmt.Sprint(n))
	}
	return n
}

func genDestination(t *rapid.T) any {
	if rapid.IntRange(0, 60).Draw(t, "malformed") == 0 {
		return junk(2).Draw(t, "destination")
	}
	to := map[string]any{"host": rapid.SampledFrom(hosts).Draw(t, "host")}
	if subset := rapid.SampledFrom(userSubsets).Draw(t, "subset"); subset != "" {
		to["subset"] = subset
	}
	maybe(t, to, "port", func() any { return map[string]any{"number": int64(9080)} })
	out := map[string]any{"destination": to}
	maybe(t, out, "weight", func() any { return number(t, rapid.Int64Range(0, 300).Draw(t, "weight")) })
	maybe(t, out, "headers", func() any { return junk(2).Draw(t, "headers") })
	maybe(t, out, "futureDestination", func() any { return junk(1).Draw(t, "future") })
	return out
}

// maybe sets a field half of the time.
func maybe(t *rapid.T, in map[string]any, key string, value func() any) {
	if rapid.Bool().Draw(t, "has "+key) {
		in[key] = value()
	}
}

func genRoute(t *rapid.T) any {
	if rapid.IntRange(0, 40).Draw(t, "malformed") == 0 {
		return junk(3).Draw(t, "route")
	}
	out := map[string]any{}
	maybe(t, out, "name", func() any { return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name") })
	for _, key := range []string{
		"match", "rewrite", "timeout", "retries", "fault", "mirrorPercentage", "mirrorPercent", "corsPolicy", "headers", "futureRoute",
	} {
		if rapid.IntRange(0, 4).Draw(t, "has "+key) == 0 {
			out[key] = junk(3).Draw(t, key)
		}
	}
	maybe(t, out, "mirror", func() any { return map[string]any{"host": rapid.SampledFrom(hosts).Draw(t, "mirror")} })
	switch rapid.IntRange(0, 12).Draw(t, "kind") {
	case 0:
		out["redirect"] = map[string]any{"uri": "/"}
	case 1:
		out["directResponse"] = map[string]any{"status": int64(418)}
	case 2:
		out["delegate"] = map[string]any{"name": "team"}
	case 3:
		out["redirect"] = map[string]any{"uri": "/"}
		fallthrough
	default:
		out["route"] = rapid.SliceOfN(rapid.Custom(genDestination), 0, 4).Draw(t, "destinations")
	}
	return out
}

// genVirtualService gives a VirtualService without routes of ours.
func genVirtualService(t *rapid.T) *unstructured.Unstructured {
	if chance(t, "of Istio's schema", 7) {
		return genSchemaVirtualService(t)
	}
	return genOddVirtualService(t)
}

// genOddVirtualService gives one with junk in many places, and with numbers in all
// the forms that decoders give.
func genOddVirtualService(t *rapid.T) *unstructured.Unstructured {
	fields := map[string]any{
		"hosts": []any{"reviews"},
		"http":  rapid.SliceOfN(rapid.Custom(genRoute), 0, 5).Draw(t, "http"),
	}
	for _, key := range []string{"gateways", "exportTo", "tcp", "tls", "futureSpec"} {
		if rapid.IntRange(0, 5).Draw(t, "has "+key) == 0 {
			fields[key] = junk(3).Draw(t, key)
		}
	}
	for _, kind := range l4Kinds {
		if rapid.IntRange(0, 2).Draw(t, "has routes of "+kind) == 0 {
			fields[kind] = rapid.SliceOfN(rapid.Custom(genL4), 1, 4).Draw(t, kind)
		}
	}
	if rapid.IntRange(0, 30).Draw(t, "http is junk") == 0 {
		fields["http"] = junk(3).Draw(t, "junk")
	}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "vs", "namespace": "shop"},
		"spec":     fields,
	}}
	if rapid.IntRange(0, 60).Draw(t, "spec is junk") == 0 {
		vs.Object["spec"] = junk(3).Draw(t, "junk")
	}
	return vs
}

func genWeight(t *rapid.T) intent.Weight {
	return intent.Weight(rapid.OneOf(
		rapid.SampledFrom([]int32{0, 0, 0, 1, 1000, 5000, 9999, 10000, 10000}),
		rapid.Int32Range(0, 10000),
	).Draw(t, "weight"))
}

// genSplits gives splits of some Services that know some of the user's subsets.
func genSplits(t *rapid.T) []Split {
	var out []Split
	for _, name := range ourServices {
		if !chance(t, "release of "+name, 7) {
			continue
		}
		split := Split{Service: service(name), Weight: genWeight(t), Match: genMatch(t), Mirror: genWeight(t), Subsets: Subsets{}}
		for _, subset := range userSubsets {
			if !chance(t, "knows "+subset, 8) {
				continue
			}
			suffix := rapid.SampledFrom([]string{"", "-0123abcd", "-89abcdef"}).Draw(t, "suffix")
			split.Subsets[subset] = Target{
				Original: SubsetOriginal + suffix, Version: SubsetVersion + suffix, Mirror: SubsetMirror + suffix,
				Pinned: subset != "" && rapid.Bool().Draw(t, "pinned"),
			}
		}
		out = append(out, split)
	}
	return out
}

// genMatch gives rules of request content, of which each is legal.
func genMatch(t *rapid.T) []content.Rule {
	return rapid.SliceOfN(rapid.Custom(genContentRule), rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "rules"), 3).Draw(t, "match")
}

func genContentRule(t *rapid.T) content.Rule {
	// The query is rarely an expression: one beside a route's own is refused.
	kinds := rapid.SampledFrom([]content.Kind{content.Exact, content.Exact, content.Prefix, content.Present, content.Regex})
	match := func(what string, value, regex string) content.Match {
		m := content.Match{Kind: kinds.Draw(t, what)}
		switch m.Kind {
		case content.Exact, content.Prefix:
			m.Value = value
		case content.Regex:
			m.Value = regex
		}
		return m
	}
	rule := content.Rule{}
	switch rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5}).Draw(t, "rule") {
	case 0:
		rule.Cookie = &content.Cookie{Name: "User", Match: match("cookie", "Internal", "In.*")}
	case 1:
		rule.Query = map[string]content.Match{"beta": match("beta", "1", "[12]")}
	case 2:
		rule.OS = rapid.SampledFrom([][]string{{"iOS"}, {"iOS", "Linux"}, {"Windows"}}).Draw(t, "os")
	case 3:
		rule.Browser = []string{"Safari"}
		rule.Headers = map[string]content.Match{"user-agent": match("user-agent", "Mozilla/5.0", ".*AppleWebKit.*")}
	case 4:
		rule.Headers = map[string]content.Match{"x-beta": match("x-beta", "1", "1|2"), "end-user": match("end-user", "jason", "j.*n")}
		rule.Query = map[string]content.Match{"v": match("v", "2", "^2")}
	default:
		name := rapid.SampledFrom([]string{"end-user", "end-user", "end-user", "1"}).Draw(t, "header")
		rule.Headers = map[string]content.Match{name: match(name, "jason", "j.*n")}
	}
	return rule
}
