package route

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// genRulesInput gives rules of Istio's whole schema and VirtualServices that send
// requests to the Service.
func genRulesInput(t *rapid.T) RulesInput {
	in := RulesInput{
		Service: service("shop/reviews"),
		Versions: release.Versions{
			Label: "version", Original: "v1", Grayscale: "v2",
			OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
		},
		RootNamespace: "istio-system",
		Rules:         genRules(t),
		Mirror:        rapid.Bool().Draw(t, "mirror"),
	}
	if chance(t, "odd labels", 8) {
		for _, rule := range in.Rules {
			for _, item := range list(spec(rule), "subsets") {
				item.(map[string]any)["labels"] = map[string]any{"version": rapid.SampledFrom([]string{"v1", "v1", "v1", "v3"}).Draw(t, "version")}
			}
		}
	}
	for range rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "virtual services") {
		in.VirtualServices = append(in.VirtualServices, genVirtualService(t))
	}
	return in
}

// Whatever the user's rules are: nothing given is changed, the order in which they
// come means nothing, ours come to rest, and no field of a policy that ours repeat
// is lost.
func TestRulesOfTheWholeSchema(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		in := genRulesInput(t)
		before := canonical(in)
		result, faults := Rules(in)
		if canonical(in) != before {
			t.Fatalf("the input was changed: %s, want %s", canonical(in), before)
		}
		for _, fault := range faults {
			if fault.At == "" || fault.Why == "" {
				t.Fatalf("a fault that does not name its object: %+v", fault)
			}
		}
		turned := in
		turned.Rules = slices.Clone(in.Rules)
		slices.Reverse(turned.Rules)
		if other, _ := Rules(turned); canonical(other) != canonical(result) {
			t.Fatalf("in another order %s, want %s", canonical(other), canonical(result))
		}
		again := in
		again.Rules = append(slices.Clone(in.Rules), result.Want...)
		if settled, _ := Rules(again); canonical(settled) != canonical(result) {
			t.Fatalf("with our own rules there %s, want %s", canonical(settled), canonical(result))
		}
		if len(faults) > 0 {
			return
		}
		accepted++
		for _, rule := range result.Want {
			if owner, ok := OursFor(rule); !ok || owner != in.Service {
				t.Fatalf("not ours: %v", rule.Object)
			}
			for user, target := range result.Subsets {
				keeps(t, in, rule, user, target)
			}
		}
	})
	if accepted < 10 {
		t.Errorf("only %d were accepted", accepted)
	}
}

// keeps checks that our subsets have the policy of the user's in the rules that
// istiod merges with ours.
func keeps(t *rapid.T, in RulesInput, ours *unstructured.Unstructured, user string, target Target) {
	t.Helper()
	sites, _ := survey(in)
	at := slices.IndexFunc(place(in, sites), func(p placed) bool { return p.namespace == ours.GetNamespace() && p.name == ours.GetName() })
	if at < 0 {
		t.Fatalf("%s is at no site", ruleName(ours))
	}
	rule := site{users: []*unstructured.Unstructured{ours}}
	original, version := rule.subset(target.Original), rule.subset(target.Version)
	if original == nil || version == nil || in.Mirror && rule.subset(target.Mirror) == nil {
		t.Fatalf("%s has not all of %+v: %v", ruleName(ours), target, ours.Object)
	}
	users := sites[at].subset(user)
	if user == "" || users == nil {
		return
	}
	policy := object(users, "trafficPolicy")
	if !reflect.DeepEqual(object(original, "trafficPolicy"), policy) {
		t.Fatalf("%s: policy %v of %s, want %v", ruleName(ours), original, target.Original, policy)
	}
	for field, value := range policy {
		changed := []string{"loadBalancer", "outlierDetection", "portLevelSettings"}
		if !slices.Contains(changed, field) && !reflect.DeepEqual(object(version, "trafficPolicy")[field], value) {
			t.Fatalf("%s: %s of %s is %v, want %v", ruleName(ours), field, target.Version, version, value)
		}
	}
}

// What a finish by replacement changes in the user's rule is one subset more, and
// in the user's routes the names that were asked for.
func TestSuccessorsKeepTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule, vs := genSchemaRule(t), genVirtualService(t)
		before, routes := clone(rule), clone(vs)
		versions := genRulesInput(t).Versions
		after, _ := Succeed(rule, userSubsets, versions, "v9")
		same(t, "the rule given", rule, before)
		subsets, kept := list(spec(after), "subsets"), len(list(spec(before), "subsets"))
		if len(subsets) > 2*kept || kept > 0 && !reflect.DeepEqual(subsets[:kept], list(spec(before), "subsets")) {
			t.Fatalf("subsets %v, want those of %v and new ones", subsets, before.Object)
		}
		rest, was := clone(after), clone(before)
		delete(spec(rest), "subsets")
		delete(spec(was), "subsets")
		same(t, "all but the subsets", rest, was)

		moved := Retarget(vs, service("shop/reviews"), map[string]string{"v1": "v9"})
		same(t, "the routes given", vs, routes)
		eachDestination(moved, func(_ any, to map[string]any) {
			if host, _ := text(to, "host"); strings.HasPrefix(host, "reviews") && to["subset"] == "v1" {
				if named, ok := ServiceOf(host, "shop"); ok && named == service("shop/reviews") {
					t.Fatalf("still to v1: %v", moved.Object)
				}
			}
			if to["subset"] == "v9" {
				to["subset"] = "v1"
			}
		})
		same(t, "all but the subset's name", moved, routes)
	})
}
