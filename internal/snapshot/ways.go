package snapshot

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// ways finds what leads to the Service's pods beside the mesh's routes: by it a
// request would reach the grayscale version past every policy.
func (src Source) ways(ctx context.Context, s *plan.Snapshot) error {
	service := release.ServiceOf(s.Service)
	for _, way := range []struct {
		kind  schema.GroupVersionKind
		leads func(*unstructured.Unstructured) bool
	}{
		{Ingresses, func(u *unstructured.Unstructured) bool {
			return namesService(u.Object["spec"], "service", service.Name)
		}},
		{HTTPRoutes, func(u *unstructured.Unstructured) bool { return backend(u, service.Name) }},
		{ServiceEntries, func(u *unstructured.Unstructured) bool { return picks(u, s, service) }},
	} {
		found, err := listIfServed(ctx, src.Live, way.kind, client.InNamespace(s.Key.Namespace))
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
// API puts one: defaultBackend, rules, paths.
func namesService(value any, field, name string) bool {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v[field].(map[string]any); ok && ref["name"] == name {
			return true
		}
		for _, inner := range v {
			if namesService(inner, field, name) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if namesService(inner, field, name) {
				return true
			}
		}
	}
	return false
}

// backend says whether a rule of an HTTPRoute sends or mirrors to the Service.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
func backend(u *unstructured.Unstructured, name string) bool {
	rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules")
	for _, rule := range rules {
		m, _ := rule.(map[string]any)
		refs, _ := m["backendRefs"].([]any)
		for _, ref := range refs {
			if r, ok := ref.(map[string]any); ok && r["name"] == name {
				return true
			}
		}
		if namesService(m["filters"], "backendRef", name) {
			return true
		}
	}
	return false
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
