package route

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

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
