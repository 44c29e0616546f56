package route

import (
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// uncovered finds callers that VirtualServices send to our subsets while no rule
// that they see can hold them: they would get 503.
func uncovered(in RulesInput, sites []site) intent.Faults {
	covered := visibility{in: map[string]bool{}}
	var limiting *site
	for i, s := range sites {
		if s.namespace != in.Service.Namespace && s.namespace != in.RootNamespace {
			if s.selector == nil {
				covered.in[s.namespace] = true
			}
			continue
		}
		covered.add(s.reach())
		if limiting == nil && len(s.users) > 0 && s.selector == nil {
			limiting = &sites[i]
		}
	}
	missing := callers(in).without(covered)
	if missing.empty() || limiting == nil {
		return nil
	}
	rule := limiting.users[0]
	return intent.Faults{{
		Kind: intent.Conflict, At: ruleName(rule),
		Value: strings.Join(texts(list(spec(rule), "exportTo")), ", "),
		Why:   "is an exportTo that keeps the rule from callers in " + missing.String() + ", who would not see the subsets of a release",
		Right: "export the rule to all who may call " + Host(in.Service),
	}}
}

// callers are the namespaces whose proxies may be sent to our subsets: those that
// see a VirtualService with a route to the Service, or, while the host has none
// in the mesh, all that see ours.
func callers(in RulesInput) visibility {
	out := visibility{}
	for _, vs := range in.VirtualServices {
		if !Ours(vs) && refersTo(vs, in) {
			out.add(visible(vs))
		}
	}
	if needsOwn(in) {
		out.all = true
	}
	return out
}

// needsOwn says whether the Service gets a VirtualService of ours.
func needsOwn(in RulesInput) bool {
	gaps, _ := FindGaps(in.Service, in.Ports, in.VirtualServices)
	return !gaps.None()
}
