package route

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// group is a route of the user's with our copies before it.
type group struct {
	content []any // the copies by request content
	weight  any   // the copy by weight, nil where none is needed
	user    any   // nil where somebody has deleted it
}

// groups reads the routes of a VirtualService, of HTTP first.
func groups(vs *unstructured.Unstructured) []group { return append(httpGroups(vs), l4Groups(vs)...) }

// httpGroups reads the HTTP routes. A copy by weight has the user's own match, and
// one by content never has.
func httpGroups(vs *unstructured.Unstructured) []group {
	var out []group
	var ours []any
	for _, route := range httpRoutes(vs) {
		if isOurs(route) {
			ours = append(ours, route)
			continue
		}
		out = append(out, grouped(ours, route))
		ours = nil
	}
	if len(ours) > 0 {
		out = append(out, grouped(ours, nil))
	}
	return out
}

func grouped(ours []any, user any) group {
	g := group{user: user}
	for i, route := range ours {
		last := i == len(ours)-1
		if last && (user == nil || reflect.DeepEqual(matchOf(route), matchOf(user))) {
			g.weight = route
		} else {
			g.content = append(g.content, route)
		}
	}
	return g
}

func matchOf(route any) any {
	fields, _ := route.(map[string]any)
	if matches, ok := fields["match"].([]any); ok && len(matches) == 0 {
		return nil
	}
	return fields["match"]
}

// copies gives all of ours, in their order.
func (g group) copies() []any {
	if g.weight == nil {
		return g.content
	}
	return append(append([]any{}, g.content...), g.weight)
}

// rest is where requests go that are in no rule.
func (g group) rest() any {
	if g.weight != nil {
		return g.weight
	}
	return g.user
}
