package route

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// matchesOf counts what copies makes.
func TestMatchesAreCountedBeforehand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, splits := genVirtualService(t), genSplits(t)
		bySplit, err := splitMap(splits)
		if err != nil {
			t.Fatal(err)
		}
		for _, route := range httpRoutes(vs) {
			made, err := copies(route, "shop", bySplit)
			want := 0
			for _, copy := range grouped(made, route).content {
				want += len(list(copy.(map[string]any), "match"))
			}
			got := matchesOf(route, destinations(route, "shop"), bySplit)
			if malformed := want == 0 && got > 0; err == nil && !malformed && got <= maxMatches && got != want {
				t.Fatalf("%d matches counted, %d made of %v", got, want, route)
			}
		}
	})
}

// manyRules are as many as an annotation holds, each of several alternatives.
func manyRules(t *testing.T, name string) Split {
	t.Helper()
	split := Split{Service: service(name), Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}
	for i := range content.MaxRules {
		rule, err := content.ParseFlag(fmt.Sprintf("header:x-%s-%d=1 && os:iOS,Windows,Linux && browser:Edge,Safari", split.Service.Name, i))
		if err != nil {
			t.Fatal(err)
		}
		split.Match = append(split.Match, rule)
	}
	return split
}

func TestTooManyMatches(t *testing.T) {
	vs := fromText(t, `{metadata: {name: big, namespace: shop}, spec: {http: []}}`)
	for range 10 {
		vs.Object["spec"].(map[string]any)["http"] = append(httpRoutes(vs), fromText(t, `{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], route: [{destination: {host: reviews}}]}`).Object)
	}
	_, err := Apply(vs, []Split{manyRules(t, "shop/reviews")})
	wants(t, err, "VirtualService shop/big", "http[", "1000")
	if _, err := Apply(vs, []Split{{Service: service("shop/reviews"), Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}}); err != nil {
		t.Errorf("by weight: %v", err)
	}
}

// Releases whose rules multiply are refused before anything is made of them.
func TestRulesOfManyReleases(t *testing.T) {
	var splits []Split
	var to []any
	for i := range 12 {
		name := fmt.Sprintf("s%d", i)
		splits = append(splits, manyRules(t, "shop/"+name))
		to = append(to, map[string]any{"destination": map[string]any{"host": name}, "weight": int64(1)})
	}
	vs := fromText(t, `{metadata: {name: all, namespace: shop}, spec: {http: [{}]}}`)
	httpRoutes(vs)[0].(map[string]any)["route"] = to
	_, err := Apply(vs, splits)
	wants(t, err, "VirtualService shop/all", "http[0]", "1000")
}

func TestTooLarge(t *testing.T) {
	vs := fromText(t, `{metadata: {name: big, namespace: shop}, spec: {http: [{route: [{destination: {host: reviews}}]}]}}`)
	splits := []Split{{Service: service("shop/reviews"), Weight: intent.Full, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}}
	fill := func(bytes int) {
		httpRoutes(vs)[0].(map[string]any)["name"] = strings.Repeat("n", bytes)
	}
	fill(maxBytes/2 + 1)
	_, err := Apply(vs, splits)
	wants(t, err, "VirtualService shop/big", fmt.Sprint(maxBytes), "bytes")
	fill(maxBytes/2 - 1000)
	applied := apply(t, vs, splits)
	// What stands can always be taken away.
	fill(2 * maxBytes)
	spec(applied)["http"] = append(httpRoutes(applied), httpRoutes(vs)...)
	if left := Strip(applied); len(httpRoutes(left)) != 2 {
		t.Errorf("%d routes left, want the user's 2", len(httpRoutes(left)))
	}
	if _, err := Apply(applied, nil); err != nil {
		t.Errorf("Apply of nothing: %v", err)
	}
}

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want it to say %q", err, part)
		}
	}
}
