package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Live is what the routes of ours in one VirtualService do with a Service's
// traffic.
type Live struct {
	Service types.NamespacedName
	// Weight is the share that every route gives the grayscale version at least;
	// it is Min.
	Weight intent.Weight
	// Min and Max differ when not all routes give the same share.
	Min, Max intent.Weight
	// Content is the number of our routes by request content, and Match are the
	// rules that they say.
	Content int
	Match   []content.Rule
	// Mirror is the share of the original's requests that is copied, the largest
	// of all routes.
	Mirror intent.Weight
	// Routes is the number of our routes that hold the Service.
	Routes int
}

// Share is what the VirtualService gives the grayscale version at least.
func (l Live) Share() intent.Share {
	return intent.Share{Weight: l.Weight, Match: l.Match, Mirror: l.Mirror}
}

// Serves says whether the grayscale version gets any request, or a copy of one.
func (l Live) Serves() bool { return l.Max > 0 || l.Content > 0 || l.Mirror > 0 }

// Read gives, for each Service in our routes, what the routes give the grayscale
// version, ordered by namespace and name. A Service whose routes need no copy
// (its own subsets pin it, weight 0) is not there.
func Read(vs *unstructured.Unstructured) []Live {
	namespace, _ := metadata(vs)
	found := lives{}
	for _, g := range groups(vs) {
		found.add(g, namespace)
	}
	rules := noted(vs)
	out := make([]Live, 0, len(found))
	for _, live := range found {
		live.Weight = live.Min
		if live.Content > 0 {
			live.Match = rules[live.Service]
		}
		out = append(out, live.Live)
	}
	slices.SortFunc(out, func(a, b Live) int { return compareServices(a.Service, b.Service) })
	return out
}

type lives map[types.NamespacedName]*life

// life is a Live in the making.
type life struct {
	Live
	sends bool // a route sends requests there; the others only copies
}

// of gives the Service's, where a route of ours gives it that share. A route that
// only mirrors to it says little of the weight, as copies go to one version
// whole: it counts as the lowest share where there is nothing else.
func (l lives) of(service types.NamespacedName, share served) *life {
	live, again := l[service]
	if !again {
		live = &life{Live: Live{Service: service, Min: share.weight, Max: share.weight}}
		l[service] = live
	}
	switch {
	case share.sends && !live.sends:
		live.Min, live.sends = share.weight, true
	case share.sends == live.sends:
		live.Min = min(live.Min, share.weight)
	}
	live.Max = max(live.Max, share.weight)
	return live
}

func (l lives) add(g group, namespace string) {
	rest := shares(g.rest(), namespace)
	if g.weight != nil {
		for service, share := range rest {
			live := l.of(service, share)
			live.Routes++
			live.Mirror = max(live.Mirror, mirrored(g.weight, service, namespace))
		}
	}
	for _, copy := range g.content {
		for service, share := range shares(copy, namespace) {
			live := l.of(service, served{weight: rest[service].weight, sends: share.sends})
			live.Routes++
			if share.weight == intent.Full && rest[service].weight < intent.Full {
				live.Content++
			}
		}
	}
}
