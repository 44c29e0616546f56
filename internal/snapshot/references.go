package snapshot

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// ingress finds the Services of an Ingress: wherever the API puts a backend, in
// defaultBackend, rules or paths. They are of the Ingress's namespace.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/
func (w ways) ingress(u *unstructured.Unstructured) {
	visit(u.Object["spec"], "service", func(ref map[string]any) {
		to := types.NamespacedName{Namespace: u.GetNamespace(), Name: text(ref, "name", "")}
		w.lead(to, plan.Way{
			What: named(u), Why: "leads to Service " + to.String() + " past every VirtualService",
			Right: "let its callers come by a Gateway and a VirtualService",
		})
	})
}

// route finds the Services of a route of the Gateway API, whatever its kind:
// where it sends requests or mirrors them, by a rule's or a backend's filter, and
// those that it is bound to, for whose callers istiod takes it before any
// VirtualService.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
// https://gateway-api.sigs.k8s.io/mesh/
func (w ways) route(u *unstructured.Unstructured) {
	leads := func(ref map[string]any) {
		if to, ok := referred(ref, u.GetNamespace(), serviceKind); ok {
			w.lead(to, plan.Way{
				What: named(u), Why: "leads to Service " + to.String() + " past every VirtualService",
				Right: "write a VirtualService in its place",
			})
		}
	}
	spec, _, _ := unstructured.NestedMap(u.Object, "spec")
	visit(spec, "parentRefs", func(ref map[string]any) {
		if to, ok := referred(ref, u.GetNamespace(), ""); ok {
			w.lead(to, plan.Way{
				What: named(u), Why: "is bound to Service " + to.String() + ", and stands for its callers before any VirtualService",
				Right: "write a VirtualService in its place",
			})
		}
	})
	visit(spec["rules"], "backendRefs", leads)
	visit(spec["rules"], "backendRef", leads)
}

// serviceKind is the kind of a backend that names none.
const serviceKind = "Service"

// referred gives the Service of a reference: of kind Service or, for istiod, the
// Service's host by kind Hostname. otherwise is the kind where none is written.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/
func referred(ref map[string]any, namespace, otherwise string) (types.NamespacedName, bool) {
	name := text(ref, "name", "")
	switch group, kind := text(ref, "group", ""), text(ref, "kind", otherwise); {
	case kind == serviceKind && (group == "" || group == "core"):
		return types.NamespacedName{Namespace: text(ref, "namespace", namespace), Name: name}, true
	case kind == "Hostname" && group == ServiceEntries.Group:
		return route.ServiceOf(name, namespace)
	}
	return types.NamespacedName{}, false
}

// serviceEntry finds the pods that a ServiceEntry selects, of its namespace, and
// the Services whose names stand among its endpoints.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
func (w ways) serviceEntry(u *unstructured.Unstructured) {
	const right = "remove it, or let its callers name the Service"
	selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "workloadSelector", "labels")
	if len(selector) > 0 {
		w.selecting[u.GetNamespace()] = append(w.selecting[u.GetNamespace()], plan.Way{
			What: named(u), Why: "is another host for pods", Right: right, Selects: selector,
		})
	}
	endpoints, _, _ := unstructured.NestedSlice(u.Object, "spec", "endpoints")
	for _, item := range endpoints {
		endpoint, _ := item.(map[string]any)
		if to, ok := route.Resolved(text(endpoint, "address", ""), ""); ok {
			w.lead(to, plan.Way{What: named(u), Why: "has Service " + to.String() + " for an endpoint, past every VirtualService", Right: right})
		}
	}
}

// workloadEntry finds a workload outside of the cluster, which istiod takes for a
// pod of its namespace: with its labels, the object's own before the spec's.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/
func (w ways) workloadEntry(u *unstructured.Unstructured) {
	written, _, _ := unstructured.NestedStringMap(u.Object, "spec", "labels")
	w.entries[u.GetNamespace()] = append(w.entries[u.GetNamespace()], plan.Stranger{What: named(u), Labels: labels.Merge(written, u.GetLabels())})
}

// under gives the workloads that a Service selects.
func (w ways) under(service release.Service) (out []plan.Stranger) {
	for _, entry := range w.entries[service.Namespace] {
		if service.Selects(entry.Labels) {
			out = append(out, entry)
		}
	}
	return out
}

// visit calls do for each object in that field, or in a list of that field,
// however deep in the value.
func visit(value any, field string, do func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if name == field {
				objects(inner, do)
			}
			visit(inner, field, do)
		}
	case []any:
		for _, inner := range v {
			visit(inner, field, do)
		}
	}
}

func objects(value any, do func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		do(v)
	case []any:
		for _, inner := range v {
			objects(inner, do)
		}
	}
}

// text gives a field, or what the API takes where it is not written.
func text(m map[string]any, field, otherwise string) string {
	if value, ok := m[field].(string); ok && value != "" {
		return value
	}
	return otherwise
}
