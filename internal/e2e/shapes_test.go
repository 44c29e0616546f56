package e2e

import (
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// shape is one way in which users route to a Service.
type shape struct {
	name      string
	documents []string // in the Service's namespace
	elsewhere string   // in another
	gateway   bool     // callers come by it, too
	moved     bool     // at the end the user's routes name the new version's subset
}

var shapes = []shape{
	{name: "NoVirtualService"},
	{name: "GatewayOnly", gateway: true, documents: []string{gateway, frontRoutes}},
	{name: "OneForBoth", gateway: true, documents: []string{gateway, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [$NS.test, reviews.$NS.svc.cluster.local]
  gateways: [mesh, front]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews}}]
`}},
	{name: "AnotherNamespace", elsewhere: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews.$NS.svc.cluster.local]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews.$NS.svc.cluster.local}}]
`},
	{name: "SubsetsWithPolicies", moved: true, documents: []string{meshRule, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews, subset: stable}}]
`}},
	{name: "RuleWithTLSAndBalancing", documents: []string{meshRoutes, `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews.$NS.svc.cluster.local
  trafficPolicy:
    tls: {mode: DISABLE}
    loadBalancer: {simple: LEAST_REQUEST}
    outlierDetection: {consecutive5xxErrors: 7, interval: 5s}
`}},
}

// run takes a release from start to finish, at half the traffic in between.
func (s shape) run(t *testing.T) {
	w := newWorld(t)
	w.apply(append(s.documents, makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML())...)
	routes := w // where the user's routes are
	if s.elsewhere != "" {
		routes = newWorld(t)
		routes.apply(w.here(s.elsewhere))
	}
	w.rolledOut("reviews-v1")
	before := routes.routeSpecs()
	targets := []load.Target{throughSidecar(w.namespace, "reviews")}
	if s.gateway {
		targets = append(targets, throughGateway(w.namespace))
	}
	tr := w.trafficTo("v1", targets...)
	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=50")
	w.untilLive("50")
	tr.seen(30)
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(120)
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale", "end=finish")
	tr.settles("settling", "v1", "v2")
	tr.phase("finishing", only("v2"))
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	w.clean()
	routes.clean()
	after := routes.routeSpecs()
	switch {
	case !s.moved && after != before:
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	case s.moved && !strings.Contains(after, `"v2"`):
		t.Errorf("the user's routes name the old version:\n%s", after)
	}
}

// routeSpecs gives the specs of the namespace's VirtualServices.
func (w *world) routeSpecs() string {
	w.t.Helper()
	var out []string
	for _, vs := range w.list(virtualServices) {
		out = append(out, vs.GetName()+": "+spec(w.t, &vs))
	}
	return strings.Join(out, "\n")
}
