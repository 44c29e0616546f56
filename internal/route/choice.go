package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// choice says by which rule the requests of a copy go, for each Service that is
// in one; empty for the copy by weight.
type choice map[types.NamespacedName]content.Rule

// choices gives the choices of a route, that by weight last.
func choices(from []destination, splits map[types.NamespacedName]Split) []choice {
	out := []choice{{}}
	for _, service := range slices.Backward(servicesOf(from)) {
		split, ok := splits[service]
		if !ok || !hasChoice(split, from) {
			continue
		}
		var more []choice
		for _, rule := range split.Match {
			for _, rest := range out {
				with := maps.Clone(rest)
				with[service] = rule
				more = append(more, with)
			}
		}
		out = append(more, out...)
	}
	return out
}

// hasChoice says whether rules of the split move requests of a route: not when all
// of its traffic moves anyway.
func hasChoice(split Split, from []destination) bool {
	return split.Weight < intent.Full && slices.ContainsFunc(from, func(d destination) bool {
		return d.service == split.Service && d.inside && (d.weight > 0 || len(from) == 1) && split.Subsets[d.subset].Version != ""
	})
}

// servicesOf gives the Services of destinations, in order and each once.
func servicesOf(from []destination) []types.NamespacedName {
	found := map[types.NamespacedName]bool{}
	for _, d := range from {
		if d.inside {
			found[d.service] = true
		}
	}
	return ordered(found)
}

// rulesOf gives a choice's rules in the order of their Services.
func rulesOf(by choice) []content.Rule {
	var out []content.Rule
	for _, service := range slices.SortedFunc(maps.Keys(by), compareServices) {
		out = append(out, by[service])
	}
	return out
}

// ruleNames is how messages name the rules of a copy, as the plugin's flag writes
// them.
func ruleNames(rules []content.Rule) string {
	names := make([]string, len(rules))
	for i, rule := range rules {
		names[i] = fmt.Sprintf("rule %q", rule.String())
	}
	return strings.Join(names, " and ")
}
