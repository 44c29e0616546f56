package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// homeSites are those in the Service's namespace. There is one for all callers,
// unless the user's rule for the host is in the root namespace: then ours beside
// it is enough, and one here would hide it.
func homeSites(in RulesInput, rules map[string]found) ([]site, intent.Faults) {
	home := rules[in.Service.Namespace]
	here := sitesOf(home.best())
	for i := range here {
		here[i].carried = len(home.exact) == 0
	}
	if anyPlain(here) {
		return here, nil
	}
	// Nothing here counts for callers in general, so they go by what ours here
	// will hide.
	hidden, exact := beyond(in, home, rules[in.RootNamespace])
	switch {
	case len(hidden) == 0:
		return append(here, site{namespace: in.Service.Namespace}), nil
	case exact && len(here) == 0:
		return nil, nil
	}
	sites := append(here, carry(hidden, in.Service.Namespace)...)
	if len(here) > 0 {
		return sites, intent.Faults{torn(in, here[0], hidden[0])}
	}
	return sites, nil
}

// beyond gives the user's rules that callers elsewhere go by when what holds for
// those in the Service's namespace has a workloadSelector, or is nothing: what
// that namespace exports, else what the root namespace does. exact: they name the
// host.
func beyond(in RulesInput, home, root found) (hidden []site, exact bool) {
	exports := func(rule *unstructured.Unstructured) bool { return !private(rule) }
	if here := home.only(exports).best(); len(here) > 0 {
		return sitesOf(here), false
	}
	if in.RootNamespace == in.Service.Namespace {
		return nil, false
	}
	there := root.only(exports)
	return sitesOf(there.best()), len(there.exact) > 0
}

// torn is the fault of a rule with a workloadSelector in the Service's namespace,
// which leaves its other callers there without any rule, while those elsewhere go
// by another one: a rule of ours cannot do both.
func torn(in RulesInput, selected, hidden site) intent.Fault {
	return intent.Fault{
		Kind: intent.Conflict, At: ruleName(selected.users[0]),
		Why: "has a workloadSelector that leaves out callers in namespace " + in.Service.Namespace +
			", for whom no rule holds, while " + ruleName(hidden.users[0]) + " holds for callers elsewhere",
		Right: "add a DestinationRule for the host " + Host(in.Service) + " without a workloadSelector in that namespace",
	}
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
