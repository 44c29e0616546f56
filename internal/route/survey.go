package route

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// found are the user's rules of one namespace that match the host.
type found struct{ exact, wildcard []*unstructured.Unstructured }

// best is what istiod would take: exact before wildcard, the longest wildcard
// before others.
func (f found) best() []*unstructured.Unstructured {
	if len(f.exact) > 0 {
		return f.exact
	}
	return f.widest()
}

// widest gives the rules with the longest, most specific wildcard.
func (f found) widest() []*unstructured.Unstructured {
	length := func(rule *unstructured.Unstructured) int {
		host, _ := text(spec(rule), "host")
		return len(host)
	}
	longest := 0
	for _, rule := range f.wildcard {
		longest = max(longest, length(rule))
	}
	return only(f.wildcard, func(rule *unstructured.Unstructured) bool { return length(rule) == longest })
}

// only gives the rules for which keep holds.
func (f found) only(keep func(*unstructured.Unstructured) bool) found {
	return found{exact: only(f.exact, keep), wildcard: only(f.wildcard, keep)}
}

func only(rules []*unstructured.Unstructured, keep func(*unstructured.Unstructured) bool) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, rule := range rules {
		if keep(rule) {
			out = append(out, rule)
		}
	}
	return out
}

// survey finds where rules of ours must stand, and what of the user's rules keeps
// ours from callers.
func survey(in RulesInput) (sites []site, faults intent.Faults) {
	byNamespace := match(in)
	for namespace, f := range byNamespace {
		if namespace == in.Service.Namespace {
			continue
		}
		more, hiding := farSites(in, namespace, f)
		sites = append(sites, more...)
		faults = append(faults, tangled(in, namespace, more)...)
		if hiding != nil {
			faults = append(faults, hides(hiding, in))
		}
	}
	home, torn := homeSites(in, byNamespace)
	sites, faults = append(sites, home...), append(faults, torn...)
	faults = append(faults, tangled(in, in.Service.Namespace, home)...)
	slices.SortFunc(sites, compareSites(in.Service.Namespace))
	slices.SortFunc(faults, func(a, b intent.Fault) int { return cmp.Compare(a.At, b.At) })
	return sites, faults
}

// farSites are those in a namespace that is not the Service's; hiding is a rule
// there that its callers would see instead of ours.
func farSites(in RulesInput, namespace string, f found) (sites []site, hiding *unstructured.Unstructured) {
	sites = sitesOf(f.exact)
	if namespace == in.RootNamespace {
		// Callers of the root namespace look for its private rules first, and for
		// the exported ones where everybody does, last.
		f = f.only(private)
		if best := f.best(); len(best) > 0 && (len(f.exact) == 0 || !anyPlain(sitesOf(best))) {
			return sites, best[0]
		}
		return sites, nil
	}
	switch {
	case len(f.exact) > 0 && !anyPlain(sites):
		// For callers that the workloadSelector leaves out istiod looks no further
		// than this namespace.
		sites = append(sites, site{namespace: namespace})
	case len(f.exact) == 0 && len(f.wildcard) > 0:
		return sites, f.widest()[0]
	}
	return sites, nil
}

// match sorts the user's rules by namespace, leaving out those that count for no
// caller: in a namespace that is neither the Service's nor the root's, a rule
// counts for its own namespace only.
func match(in RulesInput) map[string]found {
	host := Host(in.Service)
	out := map[string]found{}
	for _, rule := range userRules(in.Rules) {
		namespace, _ := metadata(rule)
		if namespace != in.Service.Namespace && namespace != in.RootNamespace && !VisibleIn(rule, namespace) {
			continue
		}
		named, _ := text(spec(rule), "host")
		f := out[namespace]
		switch pattern := meshHost(named, namespace); {
		case pattern == host:
			f.exact = append(f.exact, rule)
		case covers(pattern, host):
			f.wildcard = append(f.wildcard, rule)
		default:
			continue
		}
		out[namespace] = f
	}
	return out
}

// plain leaves out sites with a workloadSelector.
func plain(sites []site) []site {
	var out []site
	for _, s := range sites {
		if s.selector == nil {
			out = append(out, s)
		}
	}
	return out
}

func anyPlain(sites []site) bool { return len(plain(sites)) > 0 }

// private says whether a rule counts in its own namespace alone.
func private(rule *unstructured.Unstructured) bool {
	if object(spec(rule), "workloadSelector") != nil {
		return true
	}
	namespace, _ := metadata(rule)
	reach := visible(rule)
	return reach.without(visibility{in: map[string]bool{namespace: true}}).empty()
}

func hides(rule *unstructured.Unstructured, in RulesInput) intent.Fault {
	namespace, _ := metadata(rule)
	host, _ := text(spec(rule), "host")
	return intent.Fault{
		Kind: intent.Conflict, At: ruleName(rule), Value: host,
		Why: "is the rule that callers in namespace " + namespace + " use for " + Host(in.Service) +
			", so they would not see the subsets of a release",
		Right: "add a DestinationRule for the host " + Host(in.Service) + " in that namespace, or narrow this one's host",
	}
}
