package route

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// placed is a site with the name of our rule there, and that rule as it stands.
type placed struct {
	site
	name string
	live *unstructured.Unstructured // nil: not there yet
}

// place names our rules: the first one in the Service's namespace is
// grayscale-SERVICE, all others have a hash behind.
func place(in RulesInput, sites []site) []placed {
	out := make([]placed, len(sites))
	namedHome := false
	for i, s := range sites {
		p := placed{site: s, name: ourName(in.Service)}
		if s.namespace != in.Service.Namespace || namedHome {
			p.name = hashed(p.name, in.Service.Namespace, s.key())
		}
		namedHome = namedHome || s.namespace == in.Service.Namespace
		for _, rule := range in.Rules {
			namespace, name := metadata(rule)
			if owner, ok := OursFor(rule); ok && owner == in.Service && namespace == s.namespace && name == p.name {
				p.live = rule
			}
		}
		out[i] = p
	}
	return out
}

// standing gives the subsets of ours that all live rules hold.
func standing(places []placed) map[string]ourSubset {
	out := map[string]ourSubset{}
	if len(places) == 0 {
		return out
	}
	for _, name := range SubsetNames(places[0].live) {
		if !strings.HasPrefix(name, Reserved) {
			continue
		}
		all := ourSubset{name: name, policies: make([]map[string]any, len(places))}
		complete := true
		for i, p := range places {
			subset := site{users: []*unstructured.Unstructured{p.live}}.subset(name)
			complete = complete && subset != nil
			all.labels, all.policies[i] = labels(subset, "labels"), object(subset, "trafficPolicy")
		}
		if complete {
			out[name] = all
		}
	}
	return out
}

// rules are our DestinationRules.
func (n naming) rules(service types.NamespacedName, places []placed) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for i, p := range places {
		out = append(out, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion,
			"kind":       kindDestinationRule,
			"metadata":   ourMetadata(service, p.namespace, p.name),
			"spec":       n.ruleSpec(service, p, i),
		}})
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int {
		return compareServices(
			types.NamespacedName{Namespace: a.GetNamespace(), Name: a.GetName()},
			types.NamespacedName{Namespace: b.GetNamespace(), Name: b.GetName()})
	})
	return out
}

// ruleSpec is the spec of our rule at a site. Beside the user's it has no
// top-level policy, so that it inherits theirs however they edit it.
func (n naming) ruleSpec(service types.NamespacedName, p placed, index int) map[string]any {
	out := map[string]any{"host": Host(service)}
	if p.exportTo != nil {
		out["exportTo"] = copied(p.exportTo)
	}
	if p.selector != nil {
		out["workloadSelector"] = copied(p.selector)
	}
	var subsets []any
	if p.carried {
		if policy := p.policy(); policy != nil {
			out["trafficPolicy"] = copied(policy)
		}
		seen := map[string]bool{}
		for _, subset := range p.subsets() {
			// Of two with one name istiod takes the first.
			if name, _ := text(subset, "name"); !seen[name] {
				seen[name] = true
				subsets = append(subsets, copied(subset))
			}
		}
	}
	ours := n.leftOver(p)
	for _, subset := range n.ours {
		ours = append(ours, subset.at(index))
	}
	// In one order whatever stood before, so that what is there already differs
	// in nothing.
	slices.SortFunc(ours, func(a, b any) int {
		return cmp.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	out["subsets"] = append(subsets, ours...)
	return out
}

// at is the subset as it stands in the rule of one site.
func (s ourSubset) at(index int) map[string]any {
	out := map[string]any{"name": s.name}
	if len(s.labels) > 0 {
		out["labels"] = anyMap(s.labels)
	}
	if policy := s.policies[index]; policy != nil {
		out["trafficPolicy"] = copied(policy)
	}
	return out
}

// leftOver are subsets of ours in the live rule that nothing needs any more. They
// stay until the rule goes: some proxy may still have a route that names them.
func (n naming) leftOver(p placed) []any {
	var out []any
	for _, subset := range (site{users: []*unstructured.Unstructured{p.live}}).subsets() {
		name, _ := text(subset, "name")
		if strings.HasPrefix(name, Reserved) && !n.has(name) {
			out = append(out, copied(subset))
		}
	}
	return out
}
