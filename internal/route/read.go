package route

import (
	"math"
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

// served is the grayscale version's share in a route, rounded to a hundredth of a
// percent: of the requests that the route sends to the Service, else of the copies.
type served struct {
	weight intent.Weight
	sends  bool
}

// shares gives it for each Service with a destination or a mirror of ours.
func shares(route any, namespace string) map[types.NamespacedName]served {
	out := map[types.NamespacedName]served{}
	for service, weight := range sharesOf(mirrorsIn(route, namespace)) {
		out[service] = served{weight: weight}
	}
	for service, weight := range sharesOf(destinations(route, namespace)) {
		out[service] = served{weight: weight, sends: true}
	}
	return out
}

func sharesOf(in []destination) map[types.NamespacedName]intent.Weight {
	type sum struct{ version, all int64 }
	sums := map[types.NamespacedName]sum{}
	for _, d := range in {
		if !d.inside || !isOriginal(d.subset) && !isVersion(d.subset) {
			continue
		}
		if len(in) == 1 {
			d.weight = 1
		}
		s := sums[d.service]
		s.all += d.weight
		if isVersion(d.subset) {
			s.version += d.weight
		}
		sums[d.service] = s
	}
	out := map[types.NamespacedName]intent.Weight{}
	for service, s := range sums {
		if s.all > 0 {
			out[service] = intent.Weight((int64(intent.Full)*s.version + s.all/2) / s.all)
		}
	}
	return out
}

// mirrorsIn gives a route's mirrors as destinations of equal weight.
func mirrorsIn(route any, namespace string) []destination {
	var out []destination
	for _, to := range mirrorDestinations(route) {
		d := destination{entry: map[string]any{"destination": to}, weight: 1}
		host, _ := text(to, "host")
		d.subset, _ = text(to, "subset")
		d.service, d.inside = ServiceOf(host, namespace)
		out = append(out, d)
	}
	return out
}

// mirrored is the share of the original's requests that a copy mirrors to the
// grayscale version, rounded to a hundredth of a percent.
func mirrored(route any, service types.NamespacedName, namespace string) intent.Weight {
	fields, _ := route.(map[string]any)
	var part, all int64
	from := destinations(route, namespace)
	for _, d := range from {
		if len(from) == 1 {
			d.weight = 1
		}
		all += d.weight
		if d.inside && d.service == service && isOriginal(d.subset) {
			part += d.weight
		}
	}
	for _, item := range list(fields, "mirrors") {
		entry, _ := item.(map[string]any)
		to := object(entry, "destination")
		host, _ := text(to, "host")
		subset, _ := text(to, "subset")
		if named, inside := ServiceOf(host, namespace); !inside || named != service || !isMirror(subset) || part == 0 {
			continue
		}
		percent := float(object(entry, "percentage")["value"])
		return intent.Weight(min(float64(intent.Full), math.Round(percent*100*float64(all)/float64(part))))
	}
	return 0
}
