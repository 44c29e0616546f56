package route

import (
	"reflect"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Recover gives the splits that the routes of ours in a VirtualService hold, read
// from each copy and the user's route behind it, and from the note of rules
// beside them. Apply(new, Recover(old)) puts the policy that old held into new,
// without anything but the two objects: what the webhook does when someone
// writes over our routes.
//
// Only the names that the policy needs are filled in, and only the user's
// subsets that our routes stand for. Where routes differ, the lowest weight
// counts: a doubtful request belongs to the original.
func Recover(vs *unstructured.Unstructured) []Split {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]Split{}
	for _, live := range Read(vs) {
		found[live.Service] = Split{Service: live.Service, Weight: live.Weight, Match: live.Match, Mirror: live.Mirror, Subsets: Subsets{}}
	}
	for _, g := range groups(vs) {
		if g.user == nil {
			continue
		}
		for _, ours := range g.copies() {
			pair(destinations(ours, namespace), destinations(g.user, namespace), found)
			pairMirrors(ours, g.user, namespace, found)
		}
	}
	for _, g := range groups(vs) {
		keepMirrors(g, namespace, found)
	}
	keepConnections(vs, namespace, found)
	out := make([]Split, 0, len(found))
	for _, split := range found {
		if len(split.Subsets) > 0 {
			out = append(out, split)
		}
	}
	slices.SortFunc(out, func(a, b Split) int { return compareServices(a.Service, b.Service) })
	return out
}

// pair walks along a copy and the user's route behind it, and notes which of our
// subsets stands for which of the user's. It stops where they do not fit, which
// means that someone has edited one of them.
func pair(ours, users []destination, found map[types.NamespacedName]Split) {
	for _, user := range users {
		if len(ours) == 0 || ours[0].service != user.service {
			return
		}
		next := ours[0]
		ours = ours[1:]
		if next.subset == user.subset {
			continue // untouched
		}
		split, ok := found[user.service]
		if !ok {
			return
		}
		target := split.Subsets[user.subset]
		switch {
		case isVersion(next.subset):
			target.Version = next.subset
		case isOriginal(next.subset) && len(ours) > 0 && ours[0].service == user.service && isVersion(ours[0].subset) && split.Weight > 0 && split.Weight < intent.Full:
			target.Original, target.Version = next.subset, ours[0].subset
			ours = ours[1:]
		case isOriginal(next.subset) && (split.Weight <= 0 || split.Weight >= intent.Full):
			target.Original = next.subset
		default:
			return
		}
		split.Subsets[user.subset] = target
	}
}

// keepConnections notes that a subset of the user's selects the original alone where
// a TCP or TLS route stays with it although HTTP routes don't: those hold a mirror.
func keepConnections(vs *unstructured.Unstructured, namespace string, found map[types.NamespacedName]Split) {
	for _, kind := range l4Kinds {
		routes := list(spec(vs), kind)
		for i, route := range routes {
			if i > 0 && isOurs(routes[i-1]) && reflect.DeepEqual(matchOf(routes[i-1]), matchOf(route)) {
				continue // shadowed
			}
			to := destinations(route, namespace)
			for _, d := range to {
				split := found[d.service]
				target, known := split.Subsets[d.subset]
				if d.inside && known && target.Original != "" && split.Weight <= 0 && (d.weight > 0 || len(to) == 1) {
					target.Pinned = true
					split.Subsets[d.subset] = target
				}
			}
		}
	}
}
