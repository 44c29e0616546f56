package route

import (
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

// pairMirrors does that for mirrors: the user's own that we moved, and ours,
// which follow them.
func pairMirrors(ours, user any, namespace string, found map[types.NamespacedName]Split) {
	fields, _ := user.(map[string]any)
	users, readable := usersMirrors(fields)
	copy, _ := ours.(map[string]any)
	mirrors := list(copy, "mirrors")
	if !readable || len(mirrors) < len(users) {
		return
	}
	for i, item := range mirrors {
		host, subset := mirrorTo(item)
		service, inside := ServiceOf(host, namespace)
		split, running := found[service]
		if !inside || !running {
			continue
		}
		if i >= len(users) {
			if isMirror(subset) {
				split.mirrorTo(subset, destinations(user, namespace))
			}
			continue
		}
		_, was := mirrorTo(users[i])
		target := split.Subsets[was]
		switch {
		case was == subset:
			continue
		case isOriginal(subset):
			target.Original = subset
		case isVersion(subset):
			target.Version = subset
		}
		split.Subsets[was] = target
	}
}

// keepMirrors notes that a subset of the user's selects the original alone where a
// mirror stays there although requests don't.
func keepMirrors(g group, namespace string, found map[types.NamespacedName]Split) {
	if len(destinations(g.user, namespace)) == 0 {
		return
	}
	user, _ := g.user.(map[string]any)
	rest, _ := g.rest().(map[string]any)
	before, _ := usersMirrors(user)
	after, _ := usersMirrors(rest)
	for i, item := range before {
		host, subset := mirrorTo(item)
		service, _ := ServiceOf(host, namespace)
		target, known := found[service].Subsets[subset]
		if !known || len(after) <= i || target.Original == "" || found[service].Weight >= intent.Full {
			continue
		}
		if _, now := mirrorTo(after[i]); now == subset {
			target.Pinned = true
			found[service].Subsets[subset] = target
		}
	}
}

// mirrorTo notes a mirror of ours: it follows the first of the user's destinations
// that is the original's (see ourMirror). The other subsets of the original are in
// its share, so they have a mirror, too; which one shows where they come first.
func (s Split) mirrorTo(subset string, users []destination) {
	first := true
	for _, d := range users {
		target := s.Subsets[d.subset]
		if d.service != s.Service || !d.inside || d.weight == 0 && len(users) > 1 || target.Original == "" {
			continue
		}
		if first || target.Mirror == "" {
			target.Mirror, first = subset, false
			s.Subsets[d.subset] = target
		}
	}
}

func mirrorTo(item any) (host, subset string) {
	entry, _ := item.(map[string]any)
	to := object(entry, "destination")
	host, _ = text(to, "host")
	subset, _ = text(to, "subset")
	return host, subset
}
