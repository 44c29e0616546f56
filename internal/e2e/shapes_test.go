package e2e

import (
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// shape is one way in which users route to a Service.
type shape struct {
	name      string
	documents []string // in the Service's namespace
	elsewhere string   // in another
	calling   string   // in the callers', $NS being its name
	gateway   bool     // callers come by it, too
	moved     bool     // at the end the user's routes name the new version's subset
	sticky    bool     // callers keep to a pod, so that shares mean nothing
	mutual    bool     // the pods want mutual TLS
	strict    string   // why Envoy can't fail over by itself, a word
}

// original is the Deployment of a shape.
func (s shape) original() string {
	yaml := makeDeployment("reviews-v1").YAML()
	if s.mutual {
		yaml = strings.Replace(yaml, "    metadata: {labels: {", "    metadata: {annotations: {testbed/mtls: strict}, labels: {security.istio.io/tlsMode: istio, ", 1)
	}
	return yaml
}

// run takes a release from start to finish, at half the traffic in between.
func (s shape) run(t *testing.T) {
	w := newWorld(t)
	w.apply(append(s.documents, makeService("reviews", "reviews"), s.original())...)
	routes := w // where the user's routes are
	if s.elsewhere != "" {
		routes = newWorld(t)
		routes.apply(w.here(s.elsewhere))
	}
	if s.calling != "" {
		w.stand(s.calling)
		defer w.restore(s.calling)
	}
	w.rolledOut("reviews-v1")
	before := routes.routeSpecs()
	targets := []load.Target{throughSidecar(w.namespace, "reviews")}
	if s.gateway {
		targets = append(targets, throughGateway(w.namespace))
	}
	tr := w.trafficTo("v1", targets...)
	half := halfway{arrived: func() { tr.more(30) }, seen: 120, then: func() {
		if got := w.status("reviews").Strict; (got == "") != (s.strict == "") || !strings.Contains(got, s.strict) {
			t.Errorf("strict: %q, want it to say %q", got, s.strict)
		}
		s.identified(w, targets)
	}}
	if s.sticky {
		half.answers = only("v1", "v2")
	}
	tr.wholeRelease(half)
	s.identified(w, targets)
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

// identified says whether every way still has its certificate: our subsets must
// have the user's TLS settings.
func (s shape) identified(w *world, targets []load.Target) {
	w.t.Helper()
	if !s.mutual {
		return
	}
	for _, target := range targets {
		for range 8 {
			if a := w.ask(target); !strings.HasPrefix(a.client, "spiffe://cluster.local/ns/") {
				w.t.Errorf("%s: version %s was asked by %q, want a certificate of the mesh", target.Name, a.version, a.client)
			}
		}
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
