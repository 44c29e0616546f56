package route

import (
	"fmt"
	"math"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// weighLone gives the parts of a route's only destination as destinations. A
// divided one gets the weights 10000−X and X; one that only changes its subset
// keeps the user's weight field, which Istio ignores.
func weighLone(parts []part) []any {
	entries := make([]any, len(parts))
	for i, p := range parts {
		entry := p.entry()
		if p.share > 0 {
			entry["weight"] = int64(p.share)
		}
		entries[i] = entry
	}
	return entries
}

// weigh gives the parts of several destinations as destinations, with weights
// that keep every share exact: one of weight w becomes w×(10000−X) and w×X, the
// others are multiplied by 10000, and all are divided by their greatest common
// divisor. Where none is divided, and on destinations of weight 0, the user's own
// weight fields stay.
//
// Istio's weight is an int32, and Envoy wants the sum in a uint32
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-weightedcluster).
func weigh(parts []part) ([]any, error) {
	entries := make([]any, len(parts))
	weights := make([]int64, len(parts))
	divided := false
	for i, p := range parts {
		entries[i] = p.entry()
		weights[i] = p.weight()
		divided = divided || p.share > 0
	}
	if !divided {
		return entries, nil
	}
	by, sum := commonDivisor(weights), int64(0)
	for i, w := range weights {
		if w == 0 {
			continue
		}
		w /= by
		if w > math.MaxInt32 {
			return nil, fmt.Errorf("weight %d would become %d, above Istio's highest, %d: write smaller weights in the route",
				parts[i].from.weight, w, math.MaxInt32)
		}
		if sum += w; sum > math.MaxUint32 {
			return nil, fmt.Errorf("the weights would add up to more than Envoy's highest sum, %d: write smaller weights in the route",
				uint32(math.MaxUint32))
		}
		entries[i].(map[string]any)["weight"] = w
	}
	return entries, nil
}

// weight is the part's, on a scale where the user's weights count 10000-fold.
func (p part) weight() int64 {
	if p.share == 0 {
		return p.from.weight * int64(intent.Full)
	}
	return p.from.weight * int64(p.share)
}

// commonDivisor is the greatest number that divides all of them; zeros are left
// out.
func commonDivisor(numbers []int64) int64 {
	var divisor int64
	for _, n := range numbers {
		for n != 0 {
			divisor, n = n, divisor%n
		}
	}
	return max(divisor, 1)
}
