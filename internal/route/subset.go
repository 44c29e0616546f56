package route

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// ourSubset is one subset of ours with its content at each site: labels are the
// same everywhere, the policy follows the user's rule.
type ourSubset struct {
	name     string
	labels   map[string]string
	policies []map[string]any // by site
}

// naming is which subsets of ours there are and which of the user's each stands
// for.
type naming struct {
	ours    []ourSubset
	targets Subsets
}

func (n naming) subsets() Subsets { return n.targets }

// nameSubsets gives each distinct content a name: the first one the plain name,
// further ones a hash of the user's subset that they first stand for, which does
// not change when the user edits that subset.
func nameSubsets(v release.Versions, sites []site, meanings []meaning, strict bool) naming {
	n := naming{targets: Subsets{}}
	if len(meanings) == 0 {
		// No route of the user's leads to the original now; one may later.
		n.add(SubsetOriginal, "", originalSubset(v, meaning{policies: make([]map[string]any, len(sites))}))
		n.add(SubsetVersion, "", versionSubset(v, sites, meaning{policies: make([]map[string]any, len(sites))}, strict))
	}
	for _, m := range meanings {
		n.targets[m.name] = Target{
			Original: n.add(SubsetOriginal, m.name, originalSubset(v, m)),
			Version:  n.add(SubsetVersion, m.name, versionSubset(v, sites, m, strict)),
			Pinned:   m.pinned,
		}
	}
	return n
}

// add gives the name of the subset with that content, a new one if there is none.
func (n *naming) add(base, user string, content ourSubset) string {
	content.name = base
	for _, have := range n.ours {
		if !isOrHashed(have.name, base) {
			continue
		}
		if maps.Equal(have.labels, content.labels) && canonical(have.policies) == canonical(content.policies) {
			return have.name
		}
		content.name = hashed(base, user)
	}
	n.ours = append(n.ours, content)
	return content.name
}

// originalSubset selects what the user's subset selects, of the original version,
// with that subset's policy.
func originalSubset(v release.Versions, m meaning) ourSubset {
	selector := map[string]string{v.Label: v.Original}
	maps.Copy(selector, m.labels)
	return ourSubset{labels: selector, policies: m.policies}
}

// versionSubset is the grayscale version's: without labels and with a policy that
// prefers it, or strictly its pods with the user's policy.
func versionSubset(v release.Versions, sites []site, m meaning, strict bool) ourSubset {
	if strict {
		return ourSubset{labels: map[string]string{v.Label: v.Grayscale}, policies: m.policies}
	}
	out := ourSubset{policies: make([]map[string]any, len(sites))}
	for i, s := range sites {
		out.policies[i] = versionPolicy(v, s.policy(), m.policies[i])
	}
	return out
}

// rules are the DestinationRules for the sites.
func (n naming) rules(service types.NamespacedName, sites []site) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	namedHome := false
	for i, s := range sites {
		name := ourName(service)
		if s.namespace != service.Namespace || namedHome {
			name = hashed(name, service.Namespace, s.key())
		}
		namedHome = namedHome || s.namespace == service.Namespace
		out = append(out, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion,
			"kind":       kindDestinationRule,
			"metadata":   ourMetadata(service, s.namespace, name),
			"spec":       n.ruleSpec(service, s, i),
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
func (n naming) ruleSpec(service types.NamespacedName, s site, index int) map[string]any {
	out := map[string]any{"host": Host(service)}
	if s.exportTo != nil {
		out["exportTo"] = copied(s.exportTo)
	}
	if s.selector != nil {
		out["workloadSelector"] = copied(s.selector)
	}
	var subsets []any
	if s.carried {
		if policy := s.policy(); policy != nil {
			out["trafficPolicy"] = copied(policy)
		}
		for _, subset := range s.subsets() {
			subsets = append(subsets, copied(subset))
		}
	}
	for _, ours := range n.ours {
		subset := map[string]any{"name": ours.name}
		if len(ours.labels) > 0 {
			subset["labels"] = anyMap(ours.labels)
		}
		if policy := ours.policies[index]; policy != nil {
			subset["trafficPolicy"] = copied(policy)
		}
		subsets = append(subsets, subset)
	}
	out["subsets"] = subsets
	return out
}
