package route

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Delegates gives the VirtualServices that HTTP routes of a root delegate to,
// ordered and each once; none for any other VirtualService. One that is named
// without a namespace is in the root's.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
func Delegates(vs *unstructured.Unstructured) []types.NamespacedName {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]bool{}
	for _, route := range httpRoutes(vs) {
		if to, ok := delegateOf(route, namespace); ok {
			found[to] = true
		}
	}
	return ordered(found)
}

// IsDelegate says whether a VirtualService has no hosts, so that its routes count
// only where a root delegates to it.
func IsDelegate(vs *unstructured.Unstructured) bool { return len(list(spec(vs), "hosts")) == 0 }

// delegateOf says where one HTTP route delegates to.
func delegateOf(route any, namespace string) (to types.NamespacedName, ok bool) {
	fields, _ := route.(map[string]any)
	delegate := object(fields, "delegate")
	name, _ := text(delegate, "name")
	if name == "" {
		return to, false
	}
	if in, _ := text(delegate, "namespace"); in != "" {
		namespace = in
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, true
}

// DelegateFaults finds copies of ours in a delegate, after [Apply], with which
// istiod would not do what it does with the user's route behind them when it
// merges them into the root's (MergeHTTPRoutes in
// pilot/pkg/model/virtualservice.go): it leaves out, silently, a route with a
// match that fits none of the root's, so the rule would have no effect, or only
// under some of them. A copy by weight has the user's own match, and is never
// left out. Each fault names both VirtualServices and the route.
func DelegateFaults(root, after *unstructured.Unstructured) (faults intent.Faults) {
	namespace, name := metadata(after)
	rootNamespace, rootName := metadata(root)
	for at, route := range namedRoutes(root) {
		to, ok := delegateOf(route, rootNamespace)
		if !ok || to != (types.NamespacedName{Namespace: namespace, Name: name}) {
			continue
		}
		index := 0
		for _, g := range httpGroups(after) {
			if g.user == nil {
				continue
			}
			for _, ours := range g.copies() {
				if value, why, right := lost(route, ours, g.user); why != "" {
					faults = append(faults, intent.Fault{
						Kind: intent.Conflict, Value: value,
						At: fmt.Sprintf("VirtualService %s/%s route %s, to which %s/%s delegates in route %s", namespace, name,
							routeName("http", g.user, index), rootNamespace, rootName, at),
						Why: why, Right: right,
					})
					break
				}
			}
			index++
		}
	}
	return faults
}

// lost says what of a copy istiod would lose when it merges it into the root's
// route; why is empty when nothing.
func lost(root, ours, users any) (value, why, right string) {
	roots, own := matches(root), matches(users)
	if len(roots) > 0 && slices.ContainsFunc(own, func(match map[string]any) bool { return !fits(roots, match) }) {
		return "", "", "" // istiod leaves out the user's own route already
	}
	for i, match := range matches(ours) {
		for _, within := range roots {
			// Where the user's own route does not fit, ours need not.
			if len(own) > 0 && conflict(within, own[i%len(own)]) != "" {
				continue
			}
			if field := conflict(within, match); field != "" {
				return field, "is a condition of the root's that istiod does not put together with a match rule: it would leave our route out", rightFor(field)
			}
		}
	}
	return lostMirror(root, ours, users)
}

// fits says whether a delegate's match fits one of the root's.
func fits(roots []map[string]any, match map[string]any) bool {
	return slices.ContainsFunc(roots, func(within map[string]any) bool { return conflict(within, match) == "" })
}

// matches gives the matches of a route.
func matches(route any) (out []map[string]any) {
	fields, _ := route.(map[string]any)
	for _, item := range list(fields, "match") {
		match, _ := item.(map[string]any)
		out = append(out, match)
	}
	return out
}

// lostMirror finds mirrors that a copy of ours gets or loses by the merge: istiod
// takes each of mirror and mirrors from the root where the delegate's route has
// none, and ours, which needs a list, has the user's in it.
func lostMirror(root, ours, users any) (value, why, right string) {
	has := func(route any, field string) bool {
		fields, _ := route.(map[string]any)
		return fields[field] != nil
	}
	for _, field := range []string{"mirror", "mirrors"} {
		if has(root, field) && has(ours, field) != has(users, field) {
			return field, "of the root's would not be in our route as it is in the user's",
				"write the root's mirrors as a list, mirrors, in the delegate's route"
		}
	}
	return "", "", ""
}

// RootMirrorFaults finds mirrors that a root gives to what it delegates to, and
// that would copy requests to the grayscale version of the Service: no copy of
// ours stands in such a route. Subsets says which of the user's are pinned.
func RootMirrorFaults(root *unstructured.Unstructured, service types.NamespacedName, subsets Subsets) (faults intent.Faults) {
	namespace, name := metadata(root)
	for at, route := range namedRoutes(root) {
		if _, ok := delegateOf(route, namespace); !ok {
			continue
		}
		for _, d := range mirrorsIn(route, namespace) {
			target, ours := subsets[d.subset]
			if !d.inside || d.service != service || target.Pinned || d.subset != "" && !ours {
				continue
			}
			faults = append(faults, intent.Fault{
				Kind: intent.Forbidden, Risk: intent.Unrouted, Value: d.subset,
				At:    fmt.Sprintf("VirtualService %s/%s route %s", namespace, name, at),
				Why:   "mirrors what it delegates to Service " + service.String() + ", in a route that can't be pinned to the original",
				Right: "write the mirror in the delegate's routes, or name a subset of the original version",
			})
		}
	}
	return faults
}
