package differential

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// virtualService makes one; fields are those of the spec beside http.
func (w *world) virtualService(name string, http []any, fields object) *unstructured.Unstructured {
	spec := object{"http": http}
	for key, value := range fields {
		spec[key] = value
	}
	u := &unstructured.Unstructured{Object: object{"spec": spec}}
	u.SetGroupVersionKind(virtualServices)
	u.SetNamespace(w.namespace)
	u.SetName(name)
	return u
}

// forSlot makes what stands for a slot's hosts: one VirtualService for mesh and
// gateway, one for each, two that compete, or a root with delegates.
func (d dice) forSlot(w *world, i int) []*unstructured.Unstructured {
	inner := any(pick(d, slot(i), slot(i)+"."+w.namespace+".svc.cluster.local"))
	outer := any(w.here(outer(i)))
	both := []any{"front", "mesh"}
	a, b, c := fmt.Sprintf("s%d-a", i), fmt.Sprintf("s%d-b", i), fmt.Sprintf("s%d-c", i)
	export := func(fields object) object {
		if d.one(8) {
			fields["exportTo"] = pick(d, []any{"."}, []any{"default"}, []any{"istio-system", "default"}, []any{"*"})
		}
		return fields
	}
	switch d.IntN(6) {
	case 0, 1:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{inner, outer}, "gateways": both})),
		}
	case 2:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{inner}})),
			w.virtualService(b, d.routes(w, i), export(object{"hosts": []any{outer}, "gateways": []any{w.namespace + "/front"}})),
		}
	case 3:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{outer, inner}, "gateways": both})),
			w.virtualService(b, d.routes(w, i), export(object{"hosts": []any{inner, outer}, "gateways": both})),
		}
	}
	http := []any{d.delegation(w, b), d.delegation(w, c)}
	if d.one(2) {
		http = append(http, d.route(w, i, 2))
	}
	out := []*unstructured.Unstructured{
		w.virtualService(a, http, export(object{"hosts": []any{inner, outer}, "gateways": both})),
		w.virtualService(b, d.routes(w, i), export(object{})),
	}
	if !d.one(5) {
		out = append(out, w.virtualService(c, d.routes(w, i), object{}))
	}
	return out
}

// delegation is a root's route.
func (d dice) delegation(w *world, to string) object {
	out := object{"delegate": object{"name": to}}
	if d.one(2) {
		out["name"] = "root"
	}
	if !d.one(3) {
		out["match"] = []any{d.match(w, true)}
		if d.one(3) {
			out["match"] = append(out["match"].([]any), object{"uri": object{"prefix": "/"}})
		}
	}
	return out
}

// wide are VirtualServices for all slots by wildcards: they stand where no other
// does.
func (d dice) wide(w *world) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	if d.one(3) {
		out = append(out, w.virtualService("wide-outer", d.routes(w, 0), object{"hosts": []any{w.here("*.$NS.test")}, "gateways": []any{"front"}}))
	}
	if d.one(2) {
		out = append(out, w.virtualService("wide-secure", d.routes(w, 0), object{"hosts": []any{w.here("secure.$NS.test")}, "gateways": []any{"front"}}))
	}
	if d.one(3) {
		out = append(out, w.virtualService("wide-inner", d.routes(w, 1), object{"hosts": []any{w.here("*.$NS.svc.cluster.local")}}))
	}
	return out
}
