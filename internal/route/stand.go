package route

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// mesh stands for all sidecars in a list of gateways.
const mesh = "mesh"

// Stand says how a VirtualService stands for a Service's host: whether callers
// that name the Service go by its routes.
type Stand struct {
	// Host: one of hosts is the Service's host, short or full.
	Host bool
	// Wildcard is the longest wildcard of hosts that covers it, "" for none.
	Wildcard string
	// Mesh: the routes hold for sidecars (gateways is absent or names "mesh").
	Mesh bool
	// Gateways are the other gateways that it is bound to, as written.
	Gateways []string
	// Everywhere: callers of all namespaces see it (exportTo).
	Everywhere bool
	// HTTP: it has at least one HTTP route.
	HTTP bool
}

// InMesh says whether every sidecar that calls the Service goes by this
// VirtualService's HTTP routes, so that none of ours is needed for the host.
func (s Stand) InMesh() bool { return s.Host && s.Mesh && s.HTTP && s.Everywhere }

// Stands says how the VirtualService stands for the Service's host. As in istiod,
// a host with a dot in it is taken as it is: "reviews.shop" does not stand for
// reviews.shop.svc.cluster.local.
func Stands(vs *unstructured.Unstructured, service types.NamespacedName) Stand {
	namespace, _ := metadata(vs)
	fields := spec(vs)
	stand := Stand{
		Everywhere: visible(vs).all,
		HTTP:       len(httpRoutes(vs)) > 0,
	}
	for _, host := range texts(list(fields, "hosts")) {
		host = meshHost(host, namespace)
		stand.Host = stand.Host || host == Host(service)
		if covers(host, Host(service)) && len(host) > len(stand.Wildcard) {
			stand.Wildcard = host
		}
	}
	gateways := texts(list(fields, "gateways"))
	stand.Mesh = len(gateways) == 0 || slices.Contains(gateways, mesh)
	for _, gateway := range gateways {
		if gateway != mesh {
			stand.Gateways = append(stand.Gateways, gateway)
		}
	}
	return stand
}
