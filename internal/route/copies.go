package route

import (
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"k8s.io/apimachinery/pkg/types"
)

// copies gives the routes to insert before one route of the user's, in order;
// none when no split touches it.
func copies(route any, namespace string, splits map[types.NamespacedName]Split) ([]any, error) {
	weighted, err := weightedCopy(route, namespace, splits)
	if err != nil || weighted == nil {
		return nil, err
	}
	return []any{weighted}, nil
}

// weightedCopy is the copy that splits the route's traffic by weight: all
// releases that touch the route are in the one copy, because of two copies only
// the first would ever match.
func weightedCopy(route any, namespace string, splits map[types.NamespacedName]Split) (map[string]any, error) {
	from := destinations(route, namespace)
	var to []part
	needed := false
	for _, d := range from {
		// Among several, Istio gives a destination of weight 0 nothing; a lone
		// one gets everything, whatever its weight.
		if len(from) > 1 && d.weight == 0 {
			to = append(to, part{from: d})
			continue
		}
		parts := []part{{from: d}}
		if split, ok := splits[d.service]; ok && d.inside {
			parts = divide(d, split)
		}
		needed = needed || parts[0].subset != ""
		to = append(to, parts...)
	}
	if !needed {
		return nil, nil
	}
	out := copied(route).(map[string]any)
	if len(from) == 1 {
		out["route"] = weighLone(to)
		return out, nil
	}
	entries, err := weigh(to)
	if err != nil {
		return nil, err
	}
	out["route"] = entries
	return out, nil
}

// part is what becomes of a destination, or of a share of it.
type part struct {
	from   destination
	subset string        // of ours; empty: the destination stays as it is
	share  intent.Weight // of the destination's traffic; 0: all of it
}

// divide says what becomes of one destination of the split's Service.
func divide(d destination, split Split) []part {
	target := split.Subsets[d.subset]
	switch {
	case split.Weight < intent.Full && target.Original == "",
		split.Weight > 0 && target.Version == "",
		split.Weight <= 0 && target.Pinned:
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
