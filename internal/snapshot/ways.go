package snapshot

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// ways finds what leads to the Service's pods beside the mesh's routes: by it a
// request would reach the grayscale version past every policy.
func (src Source) ways(ctx context.Context, s *plan.Snapshot) error {
	service := release.ServiceOf(s.Service)
	for _, way := range []struct {
		kind      schema.GroupVersionKind
		namespace string // empty: all
		leads     func(*unstructured.Unstructured) bool
	}{
		{Ingresses, s.Key.Namespace, func(u *unstructured.Unstructured) bool { return namesService(u.Object["spec"], service.Name) }},
		{HTTPRoutes, "", func(u *unstructured.Unstructured) bool { return backend(u, s.Key) }},
		{ServiceEntries, s.Key.Namespace, func(u *unstructured.Unstructured) bool { return picks(u, s, service) }},
	} {
		found, err := listIfServed(ctx, src.Live, way.kind, client.InNamespace(way.namespace))
		if err != nil {
			return err
		}
		for _, u := range found {
			if way.leads(u) {
				s.Ways = append(s.Ways, way.kind.Kind+" "+u.GetNamespace()+"/"+u.GetName())
			}
		}
	}
	return nil
}

// namesService looks through an Ingress for a backend's service, wherever the
// API puts one: defaultBackend, rules, paths. It is of the Ingress's namespace.
func namesService(value any, name string) bool {
	return holds(value, "service", func(ref map[string]any) bool { return ref["name"] == name })
}

// holds says whether an object that is wanted stands in that field, or in a
// list of that field, however deep in the value.
func holds(value any, field string, wanted func(map[string]any) bool) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if name == field && isOrHas(inner, wanted) || holds(inner, field, wanted) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return holds(inner, field, wanted) })
	}
	return false
}

func isOrHas(value any, wanted func(map[string]any) bool) bool {
	switch v := value.(type) {
	case map[string]any:
		return wanted(v)
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return isOrHas(inner, wanted) })
	}
	return false
}

// backend says whether a rule of an HTTPRoute, which may be of any namespace,
// sends requests to the Service or mirrors them, by the rule's or a backend's filter.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
func backend(u *unstructured.Unstructured, key types.NamespacedName) bool {
	rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules")
	refers := func(ref map[string]any) bool {
		return ref["name"] == key.Name && text(ref, "namespace", u.GetNamespace()) == key.Namespace &&
			text(ref, "kind", Services.Kind) == Services.Kind && text(ref, "group", "") == ""
	}
	return holds(rules, "backendRefs", refers) || holds(rules, "backendRef", refers)
}

// text gives a field, or what the API takes where it is not written.
func text(m map[string]any, field, otherwise string) string {
	if value, ok := m[field].(string); ok {
		return value
	}
	return otherwise
}

// picks says whether a ServiceEntry selects pods that the Service selects.
func picks(u *unstructured.Unstructured, s *plan.Snapshot, service release.Service) bool {
	selector, ok, _ := unstructured.NestedStringMap(u.Object, "spec", "workloadSelector", "labels")
	if !ok || len(selector) == 0 {
		return false
	}
	for _, d := range s.Deployments {
		template := release.WorkloadOf(d).Template
		if service.Selects(template) && labels.SelectorFromSet(selector).Matches(labels.Set(template)) {
			return true
		}
	}
	return false
}
