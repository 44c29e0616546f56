package route

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// site is a place where a rule of ours must stand: a namespace, exportTo and
// workloadSelector, and the user's rules whose policy holds there.
type site struct {
	namespace string
	exportTo  []any          // as the user wrote it; nil: absent
	selector  map[string]any // workloadSelector; nil: absent
	users     []*unstructured.Unstructured
	// carried: ours would hide the user's rules instead of merging with them, so
	// it repeats their policy and subsets.
	carried bool
}

// key is the same for what istiod merges: equal sets of exportTo, equal labels.
func (s site) key() string {
	names := texts(s.exportTo)
	slices.Sort(names)
	match := labels(s.selector, "matchLabels")
	pairs := []string{}
	for _, name := range slices.Sorted(maps.Keys(match)) {
		pairs = append(pairs, name+"="+match[name])
	}
	if s.selector == nil {
		return "any;" + strings.Join(slices.Compact(names), ",")
	}
	return "selected;" + strings.Join(pairs, ",")
}

// reach says for which callers a rule here counts. A rule with a workloadSelector
// counts for some in its own namespace only, which is no reach to build on.
func (s site) reach() visibility {
	if s.selector != nil {
		return visibility{}
	}
	obj := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": s.namespace},
		"spec":     map[string]any{"exportTo": s.exportTo},
	}}
	return visible(obj)
}

// sitesOf groups rules of one namespace and host as istiod merges them, those
// without a workloadSelector first.
func sitesOf(rules []*unstructured.Unstructured) []site {
	byKey := map[string]*site{}
	for _, rule := range rules {
		namespace, _ := metadata(rule)
		s := site{namespace: namespace, exportTo: list(spec(rule), "exportTo"), selector: object(spec(rule), "workloadSelector")}
		found, ok := byKey[s.key()]
		if !ok {
			found = &s
			byKey[s.key()] = found
		}
		found.users = append(found.users, rule)
	}
	out := make([]site, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, *byKey[key])
	}
	return out
}

// policy is the top-level trafficPolicy of the merged rule: the oldest one's.
func (s site) policy() map[string]any {
	for _, rule := range s.users {
		if policy := object(spec(rule), "trafficPolicy"); policy != nil {
			return policy
		}
	}
	return nil
}

// subset gives the user's subset of that name in the merged rule, nil for none.
func (s site) subset(name string) map[string]any {
	for _, subset := range s.subsets() {
		if found, _ := text(subset, "name"); found == name {
			return subset
		}
	}
	return nil
}

// subsets gives all of the user's, in order.
func (s site) subsets() []map[string]any {
	var out []map[string]any
	for _, rule := range s.users {
		for _, item := range list(spec(rule), "subsets") {
			if subset, ok := item.(map[string]any); ok {
				out = append(out, subset)
			}
		}
	}
	return out
}

// reserved finds subsets of the user's with our prefix.
func (s site) reserved() (faults intent.Faults) {
	for _, rule := range s.users {
		for _, item := range list(spec(rule), "subsets") {
			subset, _ := item.(map[string]any)
			if name, _ := text(subset, "name"); strings.HasPrefix(name, Reserved) {
				faults = append(faults, intent.Fault{
					Kind: intent.Forbidden, At: ruleName(rule), Value: name,
					Why:   "is a subset with the reserved prefix " + Reserved,
					Right: "give the subset another name",
				})
			}
		}
	}
	return faults
}

// ruleName is how messages name a rule.
func ruleName(rule *unstructured.Unstructured) string {
	namespace, name := metadata(rule)
	return kindDestinationRule + " " + namespace + "/" + name
}

// canonical gives equal strings for equal JSON values.
func canonical(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		// Not JSON, so it did not come from an API server; never equal to
		// anything that did.
		return err.Error()
	}
	return string(out)
}

// compareSites puts the Service's own namespace first.
func compareSites(home string) func(a, b site) int {
	rank := func(s site) int {
		if s.namespace == home {
			return 0
		}
		return 1
	}
	return func(a, b site) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.key(), b.key()))
	}
}
