package route

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

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
