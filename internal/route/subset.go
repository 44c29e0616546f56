package route

import (
	"maps"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// ourSubset is one subset of ours with its content at each site: labels are the
// same everywhere, the policy follows the user's rule.
type ourSubset struct {
	name     string
	labels   map[string]string
	policies []map[string]any // by site
}

// naming is which subsets of ours there are and which of the user's each stands
// for.
type naming struct {
	ours    []ourSubset
	targets Subsets
}

// wanting is what the contents of our subsets depend on, beside the user's.
type wanting struct {
	versions       release.Versions
	sites          []site
	strict, mirror bool
	letGo          bool
	prefer         map[string]string
}

// nameSubsets gives each distinct content a name. One that stands already, in
// before, keeps its name, so that nothing changes under routes that name it; else
// the first one has the plain name, and further ones a hash of the user's subset
// that they first stand for, which stays when the user edits that subset.
func nameSubsets(w wanting, meanings []meaning, before map[string]ourSubset) naming {
	n := naming{targets: Subsets{}}
	named := meanings
	if len(named) == 0 {
		// No route of the user's leads to the original now; one may later.
		named = []meaning{{policies: make([]map[string]any, len(w.sites))}}
	}
	for _, m := range named {
		contents := w.contents(m)
		for _, base := range slices.Sorted(maps.Keys(contents)) {
			n.keep(base, contents[base], before)
		}
	}
	for _, m := range named {
		target := Target{Pinned: m.pinned}
		contents := w.contents(m)
		target.Original = n.add(SubsetOriginal, m.name, contents[SubsetOriginal])
		target.Version = n.add(SubsetVersion, m.name, contents[SubsetVersion])
		if content, ok := contents[SubsetMirror]; ok {
			target.Mirror = n.add(SubsetMirror, m.name, content)
		}
		n.targets[m.name] = target
	}
	if len(meanings) == 0 {
		n.targets = Subsets{}
	}
	return n
}

// contents gives the contents of the subsets that one of the user's becomes, by
// our subset's plain name.
func (w wanting) contents(m meaning) map[string]ourSubset {
	out := map[string]ourSubset{SubsetOriginal: w.originalSubset(m), SubsetVersion: w.versionSubset(m)}
	if w.mirror {
		out[SubsetMirror] = w.strictly(m)
	}
	return out
}

// keep takes over the name under which the content stands already.
func (n *naming) keep(base string, content ourSubset, before map[string]ourSubset) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if isOrHashed(name, base) && before[name].same(content) && n.find(base, content) == "" {
			content.name = name
			n.ours = append(n.ours, content)
		}
	}
}

// add gives the name of the subset with that content, a new one if there is none.
func (n *naming) add(base, user string, content ourSubset) string {
	if name := n.find(base, content); name != "" {
		return name
	}
	content.name = base
	for n.has(content.name) {
		content.name = hashed(base, user, content.name)
	}
	n.ours = append(n.ours, content)
	return content.name
}

// find names the subset with that content.
func (n *naming) find(base string, content ourSubset) string {
	for _, have := range n.ours {
		if isOrHashed(have.name, base) && have.same(content) {
			return have.name
		}
	}
	return ""
}

func (n *naming) has(name string) bool {
	return slices.ContainsFunc(n.ours, func(s ourSubset) bool { return s.name == name })
}

func (s ourSubset) same(other ourSubset) bool {
	return maps.Equal(s.labels, other.labels) && canonical(s.policies) == canonical(other.policies)
}

// originalSubset is the original's: strictly its pods or, when they are let go,
// with a policy that prefers them.
func (w wanting) originalSubset(m meaning) ourSubset {
	if !w.letGo || w.strict {
		return originalSubset(w.versions, m)
	}
	old := w.versions
	old.Grayscale = old.Original
	out := ourSubset{policies: make([]map[string]any, len(w.sites))}
	for i, s := range w.sites {
		out.policies[i] = versionPolicy(old, nil, s.policy(), m.policies[i])
	}
	return out
}

// originalSubset selects what the user's subset selects, of the original version,
// with that subset's policy.
func originalSubset(v release.Versions, m meaning) ourSubset {
	selector := map[string]string{v.Label: v.Original}
	maps.Copy(selector, m.labels)
	return ourSubset{labels: selector, policies: m.policies}
}

// versionSubset is the grayscale version's: without labels and with a policy that
// prefers it, or strictly its pods with the user's policy.
func (w wanting) versionSubset(m meaning) ourSubset {
	if w.strict {
		return w.preferring(m)
	}
	out := ourSubset{policies: make([]map[string]any, len(w.sites))}
	for i, s := range w.sites {
		out.policies[i] = versionPolicy(w.versions, w.prefer, s.policy(), m.policies[i])
	}
	return out
}

// preferring is the strict subset, with what is preferred among its pods: by
// priority, for pods that are preferred may leave at any time; where the user's
// policy excludes that, they alone.
func (w wanting) preferring(m meaning) ourSubset {
	out := w.strictly(m)
	if len(w.prefer) == 0 {
		return out
	}
	policies := make([]map[string]any, len(w.sites))
	for i, s := range w.sites {
		if noFailover(s.policy(), nil) != "" || noFailover(s.policy(), m.policies[i]) != "" {
			maps.Copy(out.labels, w.prefer)
			return out
		}
		policies[i] = versionPolicy(w.versions, w.prefer, s.policy(), m.policies[i])
	}
	out.policies = policies
	return out
}

// strictly selects the grayscale version's pods alone.
func (w wanting) strictly(m meaning) ourSubset {
	return ourSubset{labels: map[string]string{w.versions.Label: w.versions.Grayscale}, policies: m.policies}
}
