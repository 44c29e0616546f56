package route

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Concerns gives every Service that a VirtualService names: as a host, as a
// destination of any kind of route, as a mirror. wildcard says that one of its
// hosts could cover further ones.
func Concerns(vs *unstructured.Unstructured) (services []types.NamespacedName, wildcard bool) {
	namespace, _ := metadata(vs)
	found := map[types.NamespacedName]bool{}
	note := func(host string) {
		if service, ok := ServiceOf(host, namespace); ok {
			found[service] = true
		}
	}
	for _, host := range texts(list(spec(vs), "hosts")) {
		wildcard = wildcard || strings.HasPrefix(host, "*")
		note(host)
	}
	for _, kind := range kinds {
		for _, route := range list(spec(vs), kind) {
			for _, to := range append(routeDestinations(route), mirrorDestinations(route)...) {
				host, _ := text(to, "host")
				note(host)
			}
		}
	}
	return ordered(found), wildcard
}

// RuleHost gives the Service that a DestinationRule is for, or says that its
// host is a wildcard. ok is false for a host outside the cluster.
func RuleHost(rule *unstructured.Unstructured) (service types.NamespacedName, wildcard, ok bool) {
	namespace, _ := metadata(rule)
	named, _ := text(spec(rule), "host")
	if strings.HasPrefix(named, "*") {
		return service, true, false
	}
	service, ok = ServiceOf(named, namespace)
	return service, false, ok
}

// Matches says whether a DestinationRule is for the Service, exactly or by a
// wildcard.
func Matches(rule *unstructured.Unstructured, service types.NamespacedName) bool {
	namespace, _ := metadata(rule)
	named, _ := text(spec(rule), "host")
	pattern := meshHost(named, namespace)
	exact, _, ok := RuleHost(rule)
	return ok && exact == service || pattern == Host(service) || covers(pattern, Host(service))
}
