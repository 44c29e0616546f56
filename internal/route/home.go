package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// homeSites are those in the Service's namespace. There is one for all callers,
// unless the user's rule for the host is in the root namespace: then ours beside
// it is enough, and one here would hide it.
func homeSites(in RulesInput, rules map[string]found) []site {
	home := rules[in.Service.Namespace]
	here := sitesOf(home.best())
	for i := range here {
		here[i].carried = len(home.exact) == 0
	}
	if anyPlain(here) {
		return here
	}
	// Nothing here counts for callers in general, so they look in the root
	// namespace, which ours here would hide.
	if fallback := plain(sitesOf(home.widest())); len(home.exact) > 0 && len(fallback) > 0 {
		return append(here, carry(fallback, in.Service.Namespace)...)
	}
	if in.RootNamespace == in.Service.Namespace {
		return append(here, site{namespace: in.Service.Namespace})
	}
	above := rules[in.RootNamespace].only(func(rule *unstructured.Unstructured) bool { return !private(rule) })
	exported := sitesOf(above.best())
	switch {
	case len(exported) == 0:
		return append(here, site{namespace: in.Service.Namespace})
	case len(above.exact) > 0 && len(here) == 0:
		return nil
	}
	return append(here, carry(exported, in.Service.Namespace)...)
}

// carry makes sites in a namespace of ours out of those of rules that ours would
// hide.
func carry(hidden []site, namespace string) []site {
	out := make([]site, 0, len(hidden))
	for _, s := range hidden {
		if s.namespace != namespace {
			// "." meant the rule's own namespace.
			s.exportTo = slices.Clone(s.exportTo)
			for i, name := range s.exportTo {
				if name == "." {
					s.exportTo[i] = s.namespace
				}
			}
			s.namespace = namespace
		}
		s.carried = true
		out = append(out, s)
	}
	return out
}
