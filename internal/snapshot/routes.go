package snapshot

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Index is the name of the field index on VirtualServices and DestinationRules:
// the Services that each concerns, as "namespace/name", and Wildcard.
const Index = "grayscale.services"

// Wildcard stands in the index for an object whose host could be any Service's.
const Wildcard = "*"

// VirtualServiceIndex gives the index values of a VirtualService: every Service
// that it names anywhere or whose host it stands for.
func VirtualServiceIndex(o client.Object) []string {
	vs, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	return keys(route.Concerns(vs))
}

// DestinationRuleIndex gives those of a DestinationRule.
func DestinationRuleIndex(o client.Object) []string {
	rule, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	service, wildcard, ok := route.RuleHost(rule)
	switch {
	case wildcard:
		return []string{Wildcard}
	case ok:
		return []string{service.String()}
	}
	return nil
}

func keys(services []types.NamespacedName, wildcard bool) []string {
	var out []string
	for _, s := range services {
		out = append(out, s.String())
	}
	if wildcard {
		out = append(out, Wildcard)
	}
	return out
}

func (src Source) virtualServices(ctx context.Context, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	found, err := src.indexed(ctx, key, VirtualServices)
	return slices.DeleteFunc(found, func(vs *unstructured.Unstructured) bool {
		services, wildcard := route.Concerns(vs)
		return !slices.Contains(services, key) && !(wildcard && route.Stands(vs, key).Wildcard != "")
	}), err
}

func (src Source) destinationRules(ctx context.Context, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	found, err := src.indexed(ctx, key, DestinationRules)
	return slices.DeleteFunc(found, func(rule *unstructured.Unstructured) bool { return !route.Matches(rule, key) }), err
}

// indexed lists by the index where there is one, else everything. The callers
// sort out what does not concern the Service.
func (src Source) indexed(ctx context.Context, key types.NamespacedName, gvk schema.GroupVersionKind) ([]*unstructured.Unstructured, error) {
	if !src.Indexed {
		return list(ctx, src.Reader, gvk)
	}
	exact, err := list(ctx, src.Reader, gvk, client.MatchingFields{Index: key.String()})
	if err != nil {
		return nil, err
	}
	wild, err := list(ctx, src.Reader, gvk, client.MatchingFields{Index: Wildcard})
	for _, u := range wild {
		if !slices.ContainsFunc(exact, func(e *unstructured.Unstructured) bool { return e.GetUID() == u.GetUID() }) {
			exact = append(exact, u)
		}
	}
	slices.SortFunc(exact, func(a, b *unstructured.Unstructured) int {
		return cmp.Compare(client.ObjectKeyFromObject(a).String(), client.ObjectKeyFromObject(b).String())
	})
	return exact, err
}
