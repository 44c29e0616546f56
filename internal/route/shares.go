package route

import (
	"math"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

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
