package evaluate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	mesh   = "mesh" // the name that stands for all sidecars among gateways
	domain = "svc.cluster.local"
	// semantics is the annotation by which istiod marks routes that it made from
	// other kinds of object.
	semantics = "internal.istio.io/route-semantics"
)

// virtualService is one as istiod sees it: names completed, delegates merged.
type virtualService struct {
	name     types.NamespacedName
	created  string
	hosts    []string
	gateways []string
	exportTo []string
	routes   []httpRoute
	// separated: a uri prefix ends at a slash.
	separated bool
}

// httpRoute is one HTTP route with where it stands.
type httpRoute struct {
	*networking.HTTPRoute
	at Route
	// dropped is why istiod leaves it out; empty: it does not.
	dropped string
}

// readServices reads VirtualServices and orders them as istiod does: by age,
// then name, then namespace (configCompareByCreationTime).
func readServices(objects []*unstructured.Unstructured) []virtualService {
	specs := map[types.NamespacedName]*networking.VirtualService{}
	for _, obj := range objects {
		if spec := readSpec(obj); spec != nil {
			specs[nameOf(obj)] = spec
		}
	}
	var out []virtualService
	for _, obj := range objects {
		name := nameOf(obj)
		spec := specs[name]
		if obj == nil || spec == nil || len(spec.Hosts) == 0 {
			continue // a delegate, or none
		}
		annotations, _, _ := unstructured.NestedMap(obj.Object, "metadata", "annotations")
		created, _, _ := unstructured.NestedString(obj.Object, "metadata", "creationTimestamp")
		service := virtualService{
			name: name, created: created, exportTo: exports(spec, name.Namespace), routes: merged(name, spec, specs),
			separated: annotations[semantics] == "ingress" || annotations[semantics] == "gateway",
		}
		for _, host := range spec.Hosts {
			service.hosts = append(service.hosts, strings.ToLower(complete(host, name.Namespace)))
		}
		for _, gateway := range spec.Gateways {
			service.gateways = append(service.gateways, gatewayName(gateway, name.Namespace))
		}
		if len(service.gateways) == 0 {
			service.gateways = []string{mesh}
		}
		out = append(out, service)
	}
	slices.SortStableFunc(out, func(a, b virtualService) int {
		return cmp.Or(cmp.Compare(a.created, b.created),
			cmp.Compare(a.name.Name, b.name.Name), cmp.Compare(a.name.Namespace, b.name.Namespace))
	})
	return out
}

// readSpec reads the spec as istiod does, which ignores fields that it does not
// know; nil when it can't be read.
func readSpec(obj *unstructured.Unstructured) *networking.VirtualService {
	if obj == nil {
		return nil
	}
	fields, ok := obj.Object["spec"].(map[string]any)
	if !ok {
		return nil
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	spec := &networking.VirtualService{}
	if err := spec.UnmarshalJSON(text); err != nil {
		return nil
	}
	return spec
}

// nameOf does not trust that metadata holds strings.
func nameOf(obj *unstructured.Unstructured) types.NamespacedName {
	if obj == nil {
		return types.NamespacedName{}
	}
	namespace, _, _ := unstructured.NestedString(obj.Object, "metadata", "namespace")
	name, _, _ := unstructured.NestedString(obj.Object, "metadata", "name")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// complete makes a full name of a short one: one without a dot that is no IPv6
// address (ResolveShortnameToFQDN).
func complete(host, namespace string) string {
	if host == "" || host == "*" || strings.ContainsAny(host, ".:") {
		return host
	}
	return host + "." + namespace + "." + domain
}

// gatewayName makes namespace/name of a Gateway's name as it stands in a
// VirtualService of that namespace (resolveGatewayName).
func gatewayName(name, namespace string) string {
	if name == mesh {
		return name
	}
	before, after, slash := strings.Cut(name, "/")
	switch {
	case slash && before == ".":
		return namespace + "/" + after
	case slash:
		return name
	case !strings.Contains(name, "."):
		return namespace + "/" + name
	}
	// name.namespace.svc.cluster.local, as it was written long ago.
	parts := strings.SplitN(name, ".", 3)
	return parts[1] + "/" + parts[0]
}

// exports are the namespaces that see it, "*" for all.
func exports(spec *networking.VirtualService, namespace string) []string {
	if len(spec.ExportTo) == 0 {
		return []string{"*"}
	}
	var out []string
	for _, name := range spec.ExportTo {
		if name == "." {
			name = namespace
		}
		out = append(out, name)
	}
	return out
}

// rank says in which of istiod's lists for a proxy's namespace the VirtualService
// is: those private to the namespace come first, then those exported to it by
// name, then those for all. ok is false for none.
func (v virtualService) rank(namespace string) (rank int, ok bool) {
	switch {
	case slices.Contains(v.exportTo, "*"):
		return 2, true
	case slices.Contains(v.exportTo, "~"), !slices.Contains(v.exportTo, namespace):
		return 0, false
	case v.name.Namespace == namespace:
		return 0, true
	}
	return 1, true
}

// visible gives the VirtualServices of a gateway (or mesh) that a proxy in the
// namespace sees, in the order in which they count.
func (e *Evaluator) visible(namespace, gateway string) []virtualService {
	var out []virtualService
	for rank := range 3 {
		for _, v := range e.services {
			if r, ok := v.rank(namespace); ok && r == rank && slices.Contains(v.gateways, gateway) {
				out = append(out, v)
			}
		}
	}
	return out
}
