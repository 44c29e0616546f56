package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Refusals says why a release of the Service can't start although its intent
// is right: routes and rules that could not be kept safe, and other ways to
// the same pods, by which a request would reach the grayscale version unasked.
func Refusals(s Snapshot, spec release.Spec) intent.Faults {
	_, faults := route.Rules(route.RulesInput{
		Service: s.Key, Versions: spec.Versions, Rules: s.DestinationRules,
		VirtualServices: s.VirtualServices, RootNamespace: s.Settings.RootNamespace,
	})
	r := refuser{s: s, spec: spec, faults: faults}
	r.service()
	r.siblings()
	for _, vs := range s.VirtualServices {
		r.virtualService(vs)
	}
	for _, way := range s.Ways {
		r.unsupported(way, "leads to the same pods beside the mesh's routes")
	}
	return r.faults
}

type refuser struct {
	s      Snapshot
	spec   release.Spec
	faults intent.Faults
}

func (r *refuser) unsupported(at, why string) {
	r.faults = append(r.faults, intent.Fault{Kind: intent.Unsupported, At: at, Why: why, Right: "this version can't pin it: remove it, or release another Service"})
}

// opaque are the protocols that no HTTP route splits, as Istio reads them from
// a port's appProtocol or the head of its name.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
var opaque = []string{"tcp", "tls", "https", "mongo", "mysql", "redis", "udp"}

func (r *refuser) service() {
	service := r.spec.Service
	if service.Type == "NodePort" || service.Type == "LoadBalancer" {
		r.unsupported("Service "+service.Key(), "is of type "+service.Type+", whose callers from outside go by no route")
	}
	for _, port := range service.Ports {
		protocol := port.AppProtocol
		if protocol == "" {
			protocol, _, _ = strings.Cut(port.Name, "-")
		}
		if port.Protocol != "TCP" { // HTTP/3 is no protocol inside the mesh
			r.unsupported(fmt.Sprintf("Service %s port %d", service.Key(), port.Number), "is "+port.Protocol+", which no HTTP route splits")
			continue
		}
		if slices.Contains(opaque, strings.ToLower(protocol)) {
			r.unsupported(fmt.Sprintf("Service %s port %d", service.Key(), port.Number), "speaks "+protocol+", which no HTTP route splits")
		}
	}
}

func (r *refuser) siblings() {
	for _, service := range release.Selecting(r.s.services(), r.spec.Original) {
		if service.Name != r.s.Key.Name {
			r.unsupported("Service "+service.Key(), "selects the same pods")
		}
	}
}

func (r *refuser) virtualService(vs *unstructured.Unstructured) {
	if route.Ours(vs) {
		return
	}
	at := "VirtualService " + vs.GetNamespace() + "/" + vs.GetName()
	if route.HasTCP(vs, r.s.Key) {
		r.unsupported(at, "has a TCP or TLS route to Service "+r.s.Key.String())
	}
	if slices.Contains(route.Mirrors(vs), r.s.Key) {
		r.unsupported(at, "mirrors requests to Service "+r.s.Key.String())
	}
	stand := route.Stands(vs, r.s.Key)
	if stand.Wildcard != "" && stand.Mesh && !stand.Host && stand.HTTP {
		r.unsupported(at, fmt.Sprintf("stands for the Service's host by the wildcard %q, which a VirtualService of ours would hide", stand.Wildcard))
	}
	for _, live := range route.Read(vs) {
		if live.Service == r.s.Key {
			r.faults = append(r.faults, intent.Fault{Kind: intent.Forbidden, At: at, Why: fmt.Sprintf("names a subset of Service %s with the reserved prefix %s", r.s.Key, route.Reserved), Right: "rename the subset"})
		}
	}
}
