package route

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// find names the subset with these labels, preferably with this policy.
func find(rule *unstructured.Unstructured, selector map[string]string, policy map[string]any) string {
	found := ""
	for _, item := range list(spec(rule), "subsets") {
		subset, _ := item.(map[string]any)
		name, _ := text(subset, "name")
		if name == "" || !maps.Equal(labels(subset, "labels"), selector) {
			continue
		}
		if samePolicy(subset, policy) {
			return name
		}
		if found == "" {
			found = name
		}
	}
	return found
}

func samePolicy(subset, policy map[string]any) bool {
	have := object(subset, "trafficPolicy")
	return len(have) == 0 && len(policy) == 0 || canonical(have) == canonical(policy)
}

// appended changes the rule.
func appended(rule *unstructured.Unstructured, name string, selector map[string]string, policy map[string]any) (*unstructured.Unstructured, string) {
	fields := spec(rule)
	if fields == nil {
		return rule, name
	}
	subsets := list(fields, "subsets")
	if slices.ContainsFunc(subsets, func(item any) bool {
		subset, _ := item.(map[string]any)
		have, _ := text(subset, "name")
		return have == name
	}) {
		name = hashed(name, canonical(selector), canonical(policy))
	}
	subset := map[string]any{"name": name, "labels": anyMap(selector)}
	if len(policy) > 0 {
		subset["trafficPolicy"] = copied(policy)
	}
	fields["subsets"] = append(slices.Clone(subsets), subset)
	return rule, name
}

// Succeed gives the user's DestinationRule with a subset of the grayscale version
// for each of its used subsets that selects the original alone, and which one
// succeeds which: what [Retarget] needs at a finish by replacement. It is the
// rule's own subset with those labels, or a new one with the policy of the one
// that it succeeds, named name: the version as a DNS label. A subset without a
// version label needs none, as it selects the new pods, too. Succeed of what
// Succeed gave changes nothing.
func Succeed(rule *unstructured.Unstructured, used []string, v release.Versions, name string) (*unstructured.Unstructured, map[string]string) {
	out, names := clone(rule), map[string]string{}
	for _, item := range list(spec(rule), "subsets") {
		subset, _ := item.(map[string]any)
		old, _ := text(subset, "name")
		selector := labels(subset, "labels")
		if !slices.Contains(used, old) || !v.SelectsOnlyOriginal(selector) {
			continue
		}
		for _, key := range v.VersionLabels {
			if _, ok := selector[key]; ok {
				selector[key] = v.Grayscale
			}
		}
		policy := object(subset, "trafficPolicy")
		if have := find(rule, selector, policy); have != "" {
			names[old] = have
			continue
		}
		// Two old ones with policies of their own keep them apart.
		have := find(out, selector, policy)
		if have == "" || !hasPolicy(out, have, policy) {
			out, have = appended(out, name, selector, policy)
		}
		names[old] = have
	}
	return out, names
}

// SucceedAlike is [Succeed] for one subset of rules that different callers go by,
// and that have its successor under different names: the route that names it is
// theirs together, so each rule gets one under a name that all can have, which it
// gives.
func SucceedAlike(rule *unstructured.Unstructured, old string, v release.Versions, name string) (*unstructured.Unstructured, string) {
	out, name := clone(rule), hashed(name, old)
	subset := site{users: []*unstructured.Unstructured{rule}}.subset(old)
	selector := labels(subset, "labels")
	if _, has := Selector(rule, name); has || subset == nil || !v.SelectsOnlyOriginal(selector) {
		return out, name
	}
	for _, key := range v.VersionLabels {
		if _, ok := selector[key]; ok {
			selector[key] = v.Grayscale
		}
	}
	return appended(out, name, selector, object(subset, "trafficPolicy"))
}

// hasPolicy says whether the subset of that name has the policy.
func hasPolicy(rule *unstructured.Unstructured, name string, policy map[string]any) bool {
	subset := site{users: []*unstructured.Unstructured{rule}}.subset(name)
	return samePolicy(subset, policy)
}
