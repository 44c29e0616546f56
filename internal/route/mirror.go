package route

import (
	"math"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Mirrors of a route, ours and the user's. Istio takes either mirror, with
// mirrorPercentage or the older mirrorPercent beside it, or mirrors; not both.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute

// mirrorsOf gives the mirrors of a copy: the user's, with those that lead to a
// Service under release moved to one version, and one of ours for each release
// that mirrors. mirrored is false where the user's stay as they are.
func mirrorsOf(route map[string]any, from []destination, namespace string, splits map[types.NamespacedName]Split, by choice) (out []any, mirrored bool) {
	out, readable := usersMirrors(route)
	if !readable {
		return nil, false
	}
	for i, item := range out {
		if moved := pinnedMirror(item, namespace, splits); moved != nil {
			out[i], mirrored = moved, true
		}
	}
	for _, service := range servicesOf(from) {
		split := splits[service]
		_, all := by[service]
		if ours := ourMirror(from, split); ours != nil && !all {
			out, mirrored = append(out, ours), true
		}
	}
	return out, mirrored
}

// usersMirrors gives the user's mirrors as entries of mirrors. readable is false
// where one is malformed.
func usersMirrors(route map[string]any) (out []any, readable bool) {
	if route["mirror"] == nil {
		entries, ok := copied(route["mirrors"]).([]any)
		return entries, ok || route["mirrors"] == nil
	}
	to := object(route, "mirror")
	if to == nil || route["mirrors"] != nil {
		return nil, false
	}
	entry := map[string]any{"destination": copied(to)}
	if percentage := route["mirrorPercentage"]; percentage != nil {
		entry["percentage"] = copied(percentage)
		return []any{entry}, true
	}
	for _, field := range oldPercent {
		if route[field] == nil {
			continue
		}
		percent, ok := integer(route[field])
		entry["percentage"] = map[string]any{"value": percent}
		return []any{entry}, ok
	}
	return []any{entry}, true
}

// oldPercent are the two ways in which the CRD writes the older field.
var oldPercent = []string{"mirrorPercent", "mirror_percent"}

// pinnedMirror gives a mirror that leads to a Service under release with the
// version that holds its traffic; nil where it stays as it is.
func pinnedMirror(item any, namespace string, splits map[types.NamespacedName]Split) any {
	entry, _ := item.(map[string]any)
	to := object(entry, "destination")
	host, _ := text(to, "host")
	subset, ok := text(to, "subset")
	service, inside := ServiceOf(host, namespace)
	split, running := splits[service]
	if !ok || !inside || !running {
		return nil
	}
	target := split.Subsets[subset]
	name := target.Original
	if split.Weight >= intent.Full {
		name = target.Version
	} else if target.Pinned {
		return nil
	}
	if name == "" {
		return nil
	}
	out := copied(entry).(map[string]any)
	object(out, "destination")["subset"] = name
	return out
}

// ourMirror copies a share of the original's requests to the grayscale version;
// nil where the split mirrors nothing in this route. A mirror is for the whole
// route: where that leads to other hosts, too, the share is of those requests
// that would have been the original's.
func ourMirror(from []destination, split Split) any {
	if split.Mirror <= 0 || split.Weight > 0 {
		return nil
	}
	part, all := original(from, split)
	if part == nil || all == 0 {
		return nil
	}
	share := float64(split.Mirror) / 100 * float64(part.weight) / float64(all)
	to := copied(object(part.entry, "destination")).(map[string]any)
	to["subset"] = split.Subsets[part.subset].Mirror
	return map[string]any{"destination": to, "percentage": map[string]any{"value": jsonNumber(share)}}
}

// jsonNumber is the number as it comes back from the API server, so that what
// stands can be compared with what should.
func jsonNumber(f float64) any {
	if f == math.Trunc(f) {
		return int64(f)
	}
	return f
}

// original adds up the destinations that are the original's: the first of them
// with the weight of all, and the weight of the whole route.
func original(from []destination, split Split) (first *destination, all int64) {
	for _, d := range from {
		if len(from) == 1 {
			d.weight = 1
		}
		all += d.weight
		if d.service != split.Service || !d.inside || d.weight == 0 || split.Subsets[d.subset].Mirror == "" {
			continue
		}
		if first == nil {
			first = &destination{entry: d.entry, subset: d.subset}
		}
		first.weight += d.weight
	}
	return first, all
}

// setMirrors writes the list, in the only form that holds several.
func setMirrors(route map[string]any, mirrors []any) {
	for _, field := range append([]string{"mirror", "mirrorPercentage"}, oldPercent...) {
		delete(route, field)
	}
	route["mirrors"] = mirrors
}
