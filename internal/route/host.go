package route

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// domain is what follows a Service's name and namespace in its host.
const domain = "svc.cluster.local"

// Host is the Service's host in the mesh: name.namespace.svc.cluster.local.
func Host(service types.NamespacedName) string {
	return strings.ToLower(service.Name + "." + service.Namespace + "." + domain)
}

// ServiceOf says which Service a destination's host names, for an object in
// that namespace: "reviews", "reviews.shop", "reviews.shop.svc" and the full name
// are understood, in any case. ok is false for anything else: wildcards,
// addresses, names outside the cluster.
func ServiceOf(host, namespace string) (service types.NamespacedName, ok bool) {
	parts := strings.Split(strings.ToLower(host), ".")
	for _, part := range parts {
		if part == "" || strings.Contains(part, "*") {
			return service, false
		}
	}
	service = types.NamespacedName{Namespace: namespace, Name: parts[0]}
	if len(parts) > 1 {
		service.Namespace = parts[1]
	}
	switch len(parts) {
	case 1:
		return service, namespace != ""
	case 2:
		return service, true
	case 3:
		return service, parts[2] == "svc"
	default:
		return service, strings.Join(parts[2:], ".") == domain
	}
}

// meshHost completes a host of a VirtualService's hosts or of a DestinationRule
// as istiod does: only a name without a dot is a short one
// (ResolveShortnameToFQDN in pilot/pkg/model/config.go).
func meshHost(host, namespace string) string {
	host = strings.ToLower(host)
	if host == "" || strings.Contains(host, ".") || strings.Contains(host, "*") {
		return host
	}
	return Host(types.NamespacedName{Namespace: namespace, Name: host})
}

// covers says whether a wildcard host ("*.shop.svc.cluster.local", "*") covers
// another host.
func covers(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(host, suffix)
}
