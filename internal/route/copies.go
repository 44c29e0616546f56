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

// copies gives the routes to insert before one route of the user's, in order;
// none when no split touches it. First come those by content, for the first
// match wins; of two releases with rules in one route, a request can be in a
// rule of both, so every pair of rules has a copy of its own before the single
// ones.
func copies(route any, namespace string, splits map[types.NamespacedName]Split) ([]any, error) {
	from := destinations(route, namespace)
	if len(from) == 0 {
		return nil, nil
	}
	var out []any
	for _, choice := range choices(from, splits) {
		copy, err := copyOf(route, from, namespace, splits, choice)
		if err != nil {
			return nil, err
		}
		if copy != nil {
			out = append(out, copy)
		}
	}
	return out, nil
}

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

// copyOf is one copy of the user's route; nil where none is needed.
func copyOf(route any, from []destination, namespace string, splits map[types.NamespacedName]Split, by choice) (map[string]any, error) {
	parts := partsOf(from, splits, by)
	fields, _ := route.(map[string]any)
	mirrors, mirrored := mirrorsOf(fields, from, namespace, splits, by)
	if !mirrored && !slices.ContainsFunc(parts, func(p part) bool { return p.subset != "" }) {
		return nil, nil
	}
	out := copied(route).(map[string]any)
	if len(by) > 0 {
		match, readable, err := compose(fields["match"], rulesOf(by))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ruleNames(rulesOf(by)), err)
		}
		if !readable {
			return nil, nil
		}
		out["match"] = match
	}
	if mirrored {
		setMirrors(out, mirrors)
	}
	if len(from) == 1 {
		out["route"] = weighLone(parts)
		return out, nil
	}
	entries, err := weigh(parts)
	if err != nil {
		return nil, err
	}
	out["route"] = entries
	return out, nil
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

// part is what becomes of a destination, or of a share of it.
type part struct {
	from   destination
	subset string        // of ours; empty: the destination stays as it is
	share  intent.Weight // of the destination's traffic; 0: all of it
}

// partsOf says what becomes of all destinations: all releases that touch the
// route are in each copy, because of two only the first would ever match.
func partsOf(from []destination, splits map[types.NamespacedName]Split, by choice) []part {
	var out []part
	for _, d := range from {
		split, ok := splits[d.service]
		// Among several, Istio gives a destination of weight 0 nothing; a lone
		// one gets everything, whatever its weight.
		if !ok || !d.inside || len(from) > 1 && d.weight == 0 {
			out = append(out, part{from: d})
			continue
		}
		if _, all := by[d.service]; all {
			split.Weight, split.Mirror = intent.Full, 0
		}
		out = append(out, divide(d, split)...)
	}
	return out
}

// divide says what becomes of one destination of the split's Service.
func divide(d destination, split Split) []part {
	target := split.Subsets[d.subset]
	switch {
	case split.Weight < intent.Full && target.Original == "",
		split.Weight > 0 && target.Version == "",
		split.Weight <= 0 && target.Pinned && split.Mirror <= 0:
		return []part{{from: d}}
	case split.Weight <= 0:
		return []part{{from: d, subset: target.Original}}
	case split.Weight >= intent.Full:
		return []part{{from: d, subset: target.Version}}
	}
	return []part{
		{from: d, subset: target.Original, share: intent.Full - split.Weight},
		{from: d, subset: target.Version, share: split.Weight},
	}
}

// entry is the part as a destination of a route: a copy of the user's with port,
// headers and unknown fields, that names our subset.
func (p part) entry() map[string]any {
	out := copied(p.from.entry).(map[string]any)
	if p.subset != "" {
		object(out, "destination")["subset"] = p.subset
	}
	return out
}
