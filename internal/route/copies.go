package route

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
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
