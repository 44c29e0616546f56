package route

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func fromText(t *testing.T, in string) *unstructured.Unstructured {
	t.Helper()
	return &unstructured.Unstructured{Object: parse(t, []byte(in))}
}

func TestServiceOf(t *testing.T) {
	lookedUp := map[string]string{"reviews.default": "default/reviews", "reviews.default.svc": "default/reviews"}
	for host, want := range map[string]string{
		"reviews": "shop/reviews", "Reviews": "shop/reviews", "reviews.default.svc.cluster.local": "default/reviews",
		"REVIEWS.default.SVC.Cluster.Local": "default/reviews", "reviews.default": "", "reviews.default.svc": "",
		"": "", "*": "", "*.shop": "", "reviews..svc": "", "reviews.shop.pod": "",
		"reviews.shop.svc.cluster": "", "reviews.shop.svc.example.com": "", "a.reviews.shop.svc.cluster.local": "",
		"10.0.0.1": "",
	} {
		got, ok := ServiceOf(host, "shop")
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("ServiceOf(%q) is %s, %v; want %q", host, got, ok, want)
		}
		if client, found := lookedUp[host]; found {
			want = client
		}
		if got, ok := Resolved(host, "shop"); ok != (want != "") || ok && got.String() != want {
			t.Errorf("Resolved(%q) is %s, %v; want %q", host, got, ok, want)
		}
	}
}

func TestWeightsThatDoNotFit(t *testing.T) {
	vs := fromText(t, `
metadata: {name: big, namespace: shop}
spec:
  http:
  - route: [{destination: {host: details}}]
  - name: huge
    route:
    - {destination: {host: reviews}, weight: 2147483647}
    - {destination: {host: ratings}, weight: 1}
`)
	splits := []Split{{Service: service("shop/reviews"), Weight: 1, Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}}
	_, err := Apply(vs, splits)
	for _, part := range []string{"VirtualService shop/big", `"huge"`, "http[1]", "2147483647"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want it to say %q", err, part)
		}
	}
	many := fromText(t, `{metadata: {name: sum, namespace: shop}, spec: {http: [{route: []}]}}`)
	var route []any
	for _, host := range []string{"reviews", "a", "b", "c"} {
		route = append(route, map[string]any{"destination": map[string]any{"host": host}, "weight": int64(200003)})
	}
	httpRoutes(many)[0].(map[string]any)["route"] = route
	if _, err := Apply(many, splits); err != nil {
		t.Errorf("equal weights have a common divisor, but: %v", err)
	}
	for i := range route {
		route[i].(map[string]any)["weight"] = int64(214747 - i)
	}
	if _, err := Apply(many, splits); err == nil || !strings.Contains(err.Error(), "sum") {
		t.Errorf("error %v, want one about the sum", err)
	}
}

func TestApplyRefusesUnsoundSplits(t *testing.T) {
	vs := fromText(t, `{metadata: {name: reviews, namespace: shop}}`)
	one := Split{Service: service("shop/reviews"), Subsets: Subsets{}}
	if _, err := Apply(vs, []Split{one, one}); err == nil || !strings.Contains(err.Error(), "two splits") {
		t.Errorf("error %v, want one about two splits", err)
	}
	one.Subsets[""] = Target{Original: "stable", Version: SubsetVersion}
	if _, err := Apply(vs, []Split{one}); err == nil || !strings.Contains(err.Error(), `"stable"`) {
		t.Errorf("error %v, want one about the name stable", err)
	}
}

func TestOwn(t *testing.T) {
	for weight, want := range map[intent.Weight][]any{
		0:           {map[string]any{"destination": to("reviews.shop.svc.cluster.local", SubsetOriginal)}},
		intent.Full: {map[string]any{"destination": to("reviews.shop.svc.cluster.local", SubsetVersion)}},
		1050: {
			map[string]any{"destination": to("reviews.shop.svc.cluster.local", SubsetOriginal), "weight": int64(8950)},
			map[string]any{"destination": to("reviews.shop.svc.cluster.local", SubsetVersion), "weight": int64(1050)},
		},
	} {
		vs, err := Fill(Split{Service: service("shop/reviews"), Weight: weight}, Gaps{Host: true})
		if err != nil {
			t.Fatal(err)
		}
		strict(t, vs, &networking.VirtualService{})
		if got := list(httpRoutes(vs)[0].(map[string]any), "route"); !reflect.DeepEqual(got, want) {
			t.Errorf("at %s: %v, want %v", weight, got, want)
		}
		if owner, ok := OursFor(vs); !ok || owner != service("shop/reviews") {
			t.Errorf("not recognised as ours: %v", vs.Object)
		}
		if read := Read(vs); len(read) != 1 || read[0].Weight != weight {
			t.Errorf("at %s it reads %v", weight, read)
		}
		if stand := Stands(vs, service("shop/reviews")); !stand.InMesh() {
			t.Errorf("does not stand for the host: %+v", stand)
		}
	}
}

func to(host, subset string) map[string]any { return map[string]any{"host": host, "subset": subset} }

func TestOursNeedsNameAndLabels(t *testing.T) {
	object := func(name string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetName(name)
		u.SetLabels(map[string]string{intent.LabelService: "reviews", intent.LabelNamespace: "shop"})
		return u
	}
	for name, want := range map[string]bool{
		"grayscale-reviews": true, "grayscale-reviews-0123abcd": true,
		"reviews": false, "grayscale-reviews-extra": false, "grayscale-reviews2": false, "grayscale-ratings": false,
	} {
		if got := Ours(object(name)); got != want {
			t.Errorf("Ours of labelled %s is %v, want %v", name, got, want)
		}
		bare := object(name)
		bare.SetLabels(nil)
		if Ours(bare) {
			t.Errorf("%s is ours without our labels", name)
		}
	}
}

func TestStands(t *testing.T) {
	for spec, want := range map[string]Stand{
		`{hosts: [reviews], http: [{}]}`:                                                          {Host: true, Mesh: true, Everywhere: true, HTTP: true},
		`{hosts: [a, reviews.shop.svc.cluster.local], gateways: [g, mesh]}`:                       {Host: true, Mesh: true, Everywhere: true, Gateways: []string{"g"}},
		`{hosts: [reviews.shop], exportTo: ["."]}`:                                                {Mesh: true},
		`{hosts: ["*.local", "*.shop.svc.cluster.local"], gateways: [ns/g], exportTo: [a, "*"]}`:  {Wildcard: "*.shop.svc.cluster.local", Everywhere: true, Gateways: []string{"ns/g"}},
		`{hosts: ["*.other.svc.cluster.local", ratings], exportTo: [a], tcp: [{}], http: "junk"}`: {Mesh: true},
	} {
		vs := fromText(t, "{metadata: {name: v, namespace: shop}, spec: "+spec+"}")
		if got := Stands(vs, service("shop/reviews")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", spec, got, want)
		}
	}
}

func TestReferencesMirrorsTCP(t *testing.T) {
	vs := fromText(t, `
metadata: {name: v, namespace: shop}
spec:
  http:
  - route: [{destination: {host: reviews}}, {destination: {host: ratings.other.svc.cluster.local}}, {destination: {host: "*.com"}}]
    mirror: {host: audit, subset: grayscale-x}
  - route: [{destination: {host: reviews, subset: v1}}]
    mirrors: [{destination: {host: reviews.test.svc.cluster.local}}]
  tcp: [{route: [{destination: {host: db}}]}]
  tls: [{route: [{destination: {host: vault.ops.svc.cluster.local, subset: grayscale-y}}]}]
`)
	names := func(services []types.NamespacedName) string {
		var out []string
		for _, s := range services {
			out = append(out, s.String())
		}
		return strings.Join(out, " ")
	}
	if got := names(References(vs)); got != "ops/vault other/ratings shop/audit shop/db shop/reviews test/reviews" {
		t.Errorf("References: %s", got)
	}
	if got := names(Mirrors(vs)); got != "shop/audit test/reviews" {
		t.Errorf("Mirrors: %s", got)
	}
	if got := SubsetsOf(vs, service("shop/reviews")); !slices.Equal(got, []string{"", "v1"}) {
		t.Errorf("SubsetsOf: %v", got)
	}
}

func TestRetarget(t *testing.T) {
	user := `
metadata: {name: v, namespace: shop}
spec:
  http:
  - route: [{destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: ratings, subset: v1}, weight: 1}, {destination: {host: reviews}, weight: 1}]
    mirror: {host: reviews.shop.svc.cluster.local, subset: v1}
  - redirect: {uri: /}
    mirrors: [{destination: {host: reviews, subset: v1}}, {destination: {host: reviews, subset: v3}}]
`
	split := []Split{{Service: service("shop/reviews"), Weight: intent.Full, Subsets: Subsets{
		"": {Original: SubsetOriginal, Version: SubsetVersion}, "v1": {Original: SubsetOriginal, Version: SubsetVersion},
	}}}
	before := apply(t, fromText(t, user), split)
	after := Retarget(before, service("shop/reviews"), map[string]string{"v1": "v2", "": "v2"})
	want := fromText(t, strings.ReplaceAll(strings.ReplaceAll(user,
		"host: reviews, subset: v1", "host: reviews, subset: v2"),
		"host: reviews.shop.svc.cluster.local, subset: v1", "host: reviews.shop.svc.cluster.local, subset: v2"))
	equal(t, "the user's routes", Strip(after), want)
	equal(t, "our route", &unstructured.Unstructured{Object: httpRoutes(after)[0].(map[string]any)},
		&unstructured.Unstructured{Object: httpRoutes(before)[0].(map[string]any)})
}

func TestSucceed(t *testing.T) {
	versions := release.Versions{
		Label: "version", Original: "v1", Grayscale: "2.0.1",
		OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
	}
	for name, c := range map[string]struct{ before, after, names string }{
		"appended, with the old one's policy": {
			`[{name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: DISABLE}}}, {name: v3, labels: {version: v3}}]`,
			`[{name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: DISABLE}}}, {name: v3, labels: {version: v3}},
			  {name: 2-0-1, labels: {version: 2.0.1}, trafficPolicy: {tls: {mode: DISABLE}}}]`,
			"{v1: 2-0-1}",
		},
		"the rule's own": {
			`[{name: v1, labels: {version: v1}}, {name: next, labels: {version: 2.0.1}, trafficPolicy: {tls: {mode: DISABLE}}}]`,
			`[{name: v1, labels: {version: v1}}, {name: next, labels: {version: 2.0.1}, trafficPolicy: {tls: {mode: DISABLE}}}]`,
			"{v1: next}",
		},
		"further labels stay, the name is taken": {
			`[{name: v1, labels: {version: v1, app: reviews}}, {name: 2-0-1, labels: {version: v0}}]`,
			`[{name: v1, labels: {version: v1, app: reviews}}, {name: 2-0-1, labels: {version: v0}},
			  {name: 2-0-1-HASH, labels: {version: 2.0.1, app: reviews}}]`,
			"{v1: 2-0-1-HASH}",
		},
		"two with policies of their own": {
			`[{name: v1, labels: {version: v1}}, {name: fast, labels: {version: v1}, trafficPolicy: {tls: {mode: DISABLE}}}]`,
			`[{name: v1, labels: {version: v1}}, {name: fast, labels: {version: v1}, trafficPolicy: {tls: {mode: DISABLE}}},
			  {name: 2-0-1, labels: {version: 2.0.1}}, {name: 2-0-1-HASH, labels: {version: 2.0.1}, trafficPolicy: {tls: {mode: DISABLE}}}]`,
			"{v1: 2-0-1, fast: 2-0-1-HASH}",
		},
		"unused, and without a version label": {
			`[{name: old, labels: {version: v1}}, {name: all, labels: {app: reviews}}]`,
			`[{name: old, labels: {version: v1}}, {name: all, labels: {app: reviews}}]`,
			"{}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := func(subsets string) *unstructured.Unstructured {
				return fromText(t, "{metadata: {name: reviews, namespace: shop}, spec: {host: reviews, subsets: "+subsets+"}}")
			}
			before := object(c.before)
			got, names := Succeed(before, []string{"v1", "fast", "all"}, versions, "2-0-1")
			equal(t, "the input", before, object(c.before))
			hash := ""
			for _, name := range SubsetNames(got) {
				if rest, ok := strings.CutPrefix(name, "2-0-1-"); ok {
					hash = rest
				}
			}
			equal(t, "the rule", got, object(strings.ReplaceAll(c.after, "HASH", hash)))
			want := map[string]string{}
			fromYAML(t, []byte(strings.ReplaceAll(c.names, "HASH", hash)), &want)
			if !reflect.DeepEqual(names, want) {
				t.Errorf("names %v, want %v", names, want)
			}
			again, same := Succeed(got, []string{"v1", "fast", "all"}, versions, "2-0-1")
			equal(t, "the rule, once more", again, got)
			if !reflect.DeepEqual(names, same) {
				t.Errorf("names once more %v, want %v", same, names)
			}
		})
	}
}

// A subset of ours that routes name must not change its meaning under them when
// the user's routes and rules change mid-way, nor go while the rule stands.
func TestRulesKeepNamesMidWay(t *testing.T) {
	in := readRules(t, []byte(`
service: shop/reviews
rules:
- metadata: {name: reviews, namespace: shop}
  spec:
    host: reviews
    subsets:
    - {name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: SIMPLE}}}
virtualServices:
- metadata: {name: reviews, namespace: shop}
  spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}
`)).input()
	first, faults := Rules(in)
	if len(faults) > 0 || first.Subsets["v1"].Original != SubsetOriginal {
		t.Fatalf("got %v, %v", first.Subsets, faults)
	}
	in.Rules = append(in.Rules, first.Want...)
	added := clone(in.VirtualServices[0])
	spec(added)["http"] = append(httpRoutes(added), fromText(t, `{route: [{destination: {host: reviews}}]}`).Object)
	in.VirtualServices = []*unstructured.Unstructured{added}
	second, _ := Rules(in)
	if second.Subsets["v1"] != first.Subsets["v1"] {
		t.Errorf("v1 moved from %v to %v", first.Subsets["v1"], second.Subsets["v1"])
	}
	if second.Subsets[""].Original == SubsetOriginal || second.Subsets[""].Version == SubsetVersion {
		t.Errorf("a route without a subset got v1's policy: %v", second.Subsets)
	}
	in.Rules = append(in.Rules[:1:1], second.Want...)
	in.VirtualServices = []*unstructured.Unstructured{clone(added)}
	spec(in.VirtualServices[0])["http"] = httpRoutes(added)[:1]
	third, _ := Rules(in)
	if got, want := SubsetNames(third.Want[0]), SubsetNames(second.Want[0]); !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("subsets %v after the route went, want still %v", got, want)
	}
}

func sorted(in []string) []string { return slices.Sorted(slices.Values(in)) }
