package route

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// The bounds of what Apply makes of one VirtualService. Copies by content multiply
// routes by rules, and of two releases in one route the rules of both, so a short
// annotation can ask for an object that no API server takes and for a route table
// that every request has to walk through.
const (
	// maxMatches bounds the matches of all copies by content. A copy by weight
	// adds no more than the user's route has, and is not counted.
	maxMatches = 1000
	// maxBytes bounds the object's JSON. etcd takes 1.5 MiB a request, in which
	// managedFields and kubectl's last-applied-configuration can come to as much
	// again.
	// https://etcd.io/docs/latest/dev-guide/limit/
	maxBytes = 512 << 10
)

// matchesOf counts the matches that the copies by content of one route will have,
// without making them: each choice of rules has the product of their alternatives,
// times the route's own matches, and the sum over all choices is a product again.
// It stops counting above the bound.
func matchesOf(route any, from []destination, splits map[types.NamespacedName]Split) int {
	all := 1
	for _, service := range servicesOf(from) {
		if split := splits[service]; hasChoice(split, from) {
			alternatives := 1 // the choice of no rule
			for _, rule := range split.Match {
				alternatives += len(rule.Compile())
			}
			all = min(all*alternatives, maxMatches+2)
		}
	}
	fields, _ := route.(map[string]any)
	return (all - 1) * max(1, len(list(fields, "match")))
}

// tooMany is the error for more matches than the bound.
func tooMany(matches int) error {
	if matches <= maxMatches {
		return nil
	}
	return fmt.Errorf("the matches of its routes times the rules' conditions come to %d matches or more, above the %d that one VirtualService may get: write fewer rules, or fewer systems and browsers in them", matches, maxMatches)
}

// tooLarge is the error for an object above the bound.
func tooLarge(vs *unstructured.Unstructured) error {
	out, err := json.Marshal(vs.Object)
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if len(out) > maxBytes {
		return fmt.Errorf("with the routes of its releases it would have %d bytes, above the %d that are safe to store: write fewer rules, or divide it", len(out), maxBytes)
	}
	return nil
}
