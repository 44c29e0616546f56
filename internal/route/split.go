package route

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"k8s.io/apimachinery/pkg/types"
)

// Split is one running release as its routes should be now.
type Split struct {
	// Service is the Service whose destinations are split.
	Service types.NamespacedName
	// Weight is the share of the grayscale version: 0 pins the routes to the
	// original, [intent.Full] leaves only the grayscale version in them.
	Weight intent.Weight
	// Match are rules of request content, whose requests all go to the grayscale
	// version; at [intent.Full] they mean nothing.
	Match []content.Rule
	// Mirror is the share of the original's requests that are copied to the
	// grayscale version; at a Weight above 0 it means nothing.
	Mirror intent.Weight
	// Subsets says what each subset of the user's means.
	Subsets Subsets
}

// Subsets maps a subset of the user's, "" for a destination without one, to
// ours. A name that is absent belongs to another version: its destinations are
// untouched.
type Subsets map[string]Target

// Target is the pair of our subsets that one subset of the user's is split into.
type Target struct {
	// Original and Version are our subsets' names.
	Original, Version string
	// Mirror is the subset that requests are copied to; only needed for a Split
	// that mirrors.
	Mirror string
	// Pinned says that the user's own subset selects nothing but the original's
	// pods, so that at weight 0 no copy of its routes is needed.
	Pinned bool
}

// splitMap finds the split of a Service. It refuses names that Strip would not
// find again.
func splitMap(splits []Split) (map[types.NamespacedName]Split, error) {
	out := make(map[types.NamespacedName]Split, len(splits))
	for _, split := range splits {
		if _, twice := out[split.Service]; twice {
			return nil, fmt.Errorf("two splits for Service %s, want one", split.Service)
		}
		for user, target := range split.Subsets {
			for _, name := range []string{target.Original, target.Version, target.Mirror} {
				if name != "" && !strings.HasPrefix(name, Reserved) {
					return nil, fmt.Errorf("subset %q of Service %s would become %q, want a name with the prefix %q",
						user, split.Service, name, Reserved)
				}
			}
		}
		out[split.Service] = split
	}
	return out, nil
}

// compareServices orders by namespace, then name.
func compareServices(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
