package evaluate

import (
	"math/big"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Evaluate says what becomes of a request.
func Evaluate(in Input, r Request) Result { return New(in).Evaluate(r) }

// Evaluator holds a configuration ready for many requests. It is safe for
// concurrent use.
type Evaluator struct {
	services []virtualService // in istiod's order
	gateways map[string]gateway
}

// New reads a configuration. What istiod could not read is left out.
func New(in Input) *Evaluator {
	return &Evaluator{services: readServices(in.VirtualServices), gateways: readGateways(in.Gateways)}
}

// Evaluate says what becomes of a request.
func (e *Evaluator) Evaluate(r Request) Result {
	r, ok := r.normal()
	if !ok {
		return Result{Outcome: Refused}
	}
	if r.Gateway != "" {
		host, entries, secured := e.atGateway(r)
		if secured && r.Scheme != "https" {
			to := &Redirect{Status: 301, Location: "https://" + r.Host + r.Path}
			return Result{Outcome: Redirected, Host: host, Redirect: to}
		}
		return first(r, host, entries)
	}
	host, entries := e.inMesh(r)
	out := first(r, host, entries)
	if host == "" {
		unrouted(r, &out)
	}
	return out
}

// first lets the first route that matches act.
func first(r Request, host string, entries []entry) Result {
	out := Result{Outcome: NotFound, Host: host}
	for _, entry := range entries {
		if why := entry.fails(r); why != "" {
			out.Trace = append(out.Trace, Step{Route: entry.route, Why: why})
			continue
		}
		out.Route = entry.route
		entry.act(r, &out)
		break
	}
	return out
}

// unrouted is what becomes of a request in the mesh for which no VirtualService
// stands.
func unrouted(r Request, out *Result) {
	out.Outcome = Unrouted
	if service, ok := route.Resolved(r.domain(), r.Proxy.Namespace); ok {
		out.Destinations = []Destination{{Host: route.Host(service), Port: r.Port, Share: big.NewRat(1, 1)}}
	}
}
