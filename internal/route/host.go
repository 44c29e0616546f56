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

// ServiceOf says which Service a destination's host names, for an object in that
// namespace, as istiod reads it, in any case: a name without a dot, or the full one.
// ok is false for anything else, "reviews.shop" too: that is a host outside the
// cluster (ResolveShortnameToFQDN in pilot/pkg/model/config.go).
func ServiceOf(host, namespace string) (service types.NamespacedName, ok bool) {
	if n := strings.Count(host, "."); n > 0 && n < strings.Count(domain, ".")+2 {
		return service, false
	}
	return Resolved(host, namespace)
}

// Resolved says which Service a name is of that a client in that namespace looks
// up: "reviews.shop" and "reviews.shop.svc" are one there, beside those of [ServiceOf].
// ok is false for wildcards, addresses and names outside the cluster.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
func Resolved(host, namespace string) (service types.NamespacedName, ok bool) {
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
	if service, ok := ServiceOf(host, namespace); ok {
		return Host(service)
	}
	return host
}

// covers says whether a wildcard host ("*.shop.svc.cluster.local", "*") covers
// another host.
func covers(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(host, suffix)
}
