package snapshot

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Index is the name of the field index on VirtualServices and DestinationRules:
// the Services that each concerns, as "namespace/name"; Wildcard; Namesake; and,
// for a root, the VirtualServices that it delegates to, as "to namespace/name", and
// where it stands at gateways, as "at namespace/gateway host".
const Index = "grayscale.services"

const (
	// Wildcard stands in the index for an object whose host could be any Service's.
	Wildcard = "*"
	// Namesake stands in it for somebody else's object that has a name like ours.
	Namesake = "namesake"

	// AtHost begins the values that say where a VirtualService stands at gateways.
	AtHost = "at "

	delegateTo = "to "
)

// VirtualServiceIndex gives the index values of a VirtualService: every Service
// that it names anywhere or whose host it stands for, and where it delegates to.
func VirtualServiceIndex(o client.Object) []string {
	vs, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	out := keys(route.Concerns(vs))
	for _, to := range route.Delegates(vs) {
		out = append(out, delegateTo+to.String())
	}
	for _, at := range route.GatewayHosts(vs) {
		out = append(out, AtHost+at)
	}
	return append(out, namesake(vs)...)
}

// DestinationRuleIndex gives those of a DestinationRule.
func DestinationRuleIndex(o client.Object) []string {
	rule, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	out := namesake(rule)
	service, wildcard, ok := route.RuleHost(rule)
	switch {
	case wildcard:
		return append(out, Wildcard)
	case ok:
		return append(out, service.String())
	}
	return out
}

// namesake says whether an object has a name like ours and is not.
func namesake(u *unstructured.Unstructured) []string {
	if strings.HasPrefix(u.GetName(), route.Reserved) && !route.Ours(u) {
		return []string{Namesake}
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
	found, err := src.indexed(ctx, VirtualServices, key.String(), Wildcard)
	if err != nil {
		return nil, err
	}
	concerned := slices.DeleteFunc(found, func(vs *unstructured.Unstructured) bool {
		services, wildcard := route.Concerns(vs)
		return !slices.Contains(services, key) && !(wildcard && route.Stands(vs, key).Wildcard != "")
	})
	concerned, err = src.withRoots(ctx, concerned)
	if err != nil {
		return nil, err
	}
	return src.withNeighbours(ctx, concerned)
}

// withNeighbours adds those that share a host at a gateway with what is found: a
// gateway puts their routes together.
func (src Source) withNeighbours(ctx context.Context, found []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var places, values []string
	for _, vs := range found {
		for _, at := range route.GatewayHosts(vs) {
			places, values = append(places, at), append(values, AtHost+at)
		}
	}
	if len(places) == 0 {
		return found, nil
	}
	neighbours, err := src.indexed(ctx, VirtualServices, values...)
	for _, vs := range neighbours {
		if slices.ContainsFunc(route.GatewayHosts(vs), func(at string) bool { return slices.Contains(places, at) }) {
			found = append(found, vs)
		}
	}
	return distinct(found), err
}

// withRoots adds the roots of delegates: what a root says decides over the
// delegate's routes.
func (src Source) withRoots(ctx context.Context, found []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var delegates []types.NamespacedName
	var values []string
	for _, vs := range found {
		if route.IsDelegate(vs) {
			delegates = append(delegates, client.ObjectKeyFromObject(vs))
			values = append(values, delegateTo+client.ObjectKeyFromObject(vs).String())
		}
	}
	if len(delegates) == 0 {
		return found, nil
	}
	roots, err := src.indexed(ctx, VirtualServices, values...)
	for _, root := range roots {
		if slices.ContainsFunc(route.Delegates(root), func(to types.NamespacedName) bool { return slices.Contains(delegates, to) }) {
			found = append(found, root)
		}
	}
	return distinct(found), err
}

func (src Source) destinationRules(ctx context.Context, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	found, err := src.indexed(ctx, DestinationRules, key.String(), Wildcard)
	return slices.DeleteFunc(found, func(rule *unstructured.Unstructured) bool { return !route.Matches(rule, key) }), err
}

// namesakes gives what is somebody else's by a name that ours for the Service
// could have.
func (src Source) namesakes(ctx context.Context, key types.NamespacedName) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, kind := range []schema.GroupVersionKind{VirtualServices, DestinationRules} {
		found, err := src.indexed(ctx, kind, Namesake)
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			if strings.HasPrefix(u.GetName(), route.Reserved+key.Name) && !route.Ours(u) {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

// indexed lists by the index where there is one, else everything. The callers
// sort out what is not meant.
func (src Source) indexed(ctx context.Context, gvk schema.GroupVersionKind, values ...string) ([]*unstructured.Unstructured, error) {
	if !src.Indexed {
		return List(ctx, src.Reader, gvk)
	}
	var out []*unstructured.Unstructured
	for _, value := range values {
		found, err := List(ctx, src.Reader, gvk, client.MatchingFields{Index: value})
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return distinct(out), nil
}

// distinct gives each object once, in the order of names.
func distinct(list []*unstructured.Unstructured) []*unstructured.Unstructured {
	slices.SortStableFunc(list, func(a, b *unstructured.Unstructured) int {
		return cmp.Compare(client.ObjectKeyFromObject(a).String(), client.ObjectKeyFromObject(b).String())
	})
	return slices.CompactFunc(list, func(a, b *unstructured.Unstructured) bool {
		return client.ObjectKeyFromObject(a) == client.ObjectKeyFromObject(b)
	})
}
