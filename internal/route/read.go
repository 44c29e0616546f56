package route

import (
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
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
	// Routes is the number of our routes that hold the Service.
	Routes int
}

// Read gives, for each Service in our routes, what share of its traffic the
// routes give the grayscale version, ordered by namespace and name. A Service
// whose routes need no copy (its own subsets pin it, weight 0) is not there.
func Read(vs *unstructured.Unstructured) []Live {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]Live{}
	for _, route := range httpRoutes(vs) {
		if !isOurs(route) {
			continue
		}
		for service, share := range shares(destinations(route, namespace)) {
			live, again := found[service]
			if !again {
				live = Live{Service: service, Min: share, Max: share}
			}
			live.Min, live.Max = min(live.Min, share), max(live.Max, share)
			live.Weight = live.Min
			live.Routes++
			found[service] = live
		}
	}
	out := make([]Live, 0, len(found))
	for _, live := range found {
		out = append(out, live)
	}
	slices.SortFunc(out, func(a, b Live) int { return compareServices(a.Service, b.Service) })
	return out
}

// shares gives, for each Service with a destination of ours in a route, the
// grayscale version's share, rounded to a hundredth of a percent.
func shares(in []destination) map[types.NamespacedName]intent.Weight {
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
