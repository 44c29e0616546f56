package evaluate

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Outcome is what becomes of a request.
type Outcome string

// The outcomes.
const (
	// Forwarded: it goes to one of Destinations.
	Forwarded Outcome = "Forwarded"
	// Unrouted: no VirtualService stands for the host in the mesh (or none with
	// an HTTP route for this caller and port), so that it goes to the Service
	// itself, whatever its versions: the one of Destinations, if the host is
	// the name of one.
	Unrouted Outcome = "Unrouted"
	// Redirected: it is answered with Redirect, by a route or, without one, by a
	// Gateway's httpsRedirect.
	Redirected Outcome = "Redirected"
	// Answered: it is answered with DirectResponse.
	Answered Outcome = "Answered"
	// NotFound: it is answered with status 404, because no route matches or the
	// gateway does not know the host.
	NotFound Outcome = "NotFound"
	// Refused: Envoy answers 400, because the path can't be normalized.
	Refused Outcome = "Refused"
	// Invalid: the route that matches is one that Envoy does not accept (no
	// destination has a weight, a status that is no redirect's). Istio's
	// validation refuses such a VirtualService; past it, the proxy keeps the
	// routes that it had before.
	Invalid Outcome = "Invalid"
)

// Result says what becomes of a request, and why.
type Result struct {
	Outcome Outcome
	// Host is the entry of hosts by which the VirtualService stands for the
	// request, short names completed (at a gateway the narrower one of its and
	// the Gateway's); empty when none does.
	Host string
	// Route is the route that matched; zero when none did.
	Route Route
	// Destinations share a request that is Forwarded; those that get nothing are
	// left out. A fault may keep the request from them.
	Destinations []Destination
	// Mirrors get copies of it.
	Mirrors []Mirror
	// Redirect is the answer when Redirected, DirectResponse when Answered.
	Redirect       *Redirect
	DirectResponse *DirectResponse
	// Fault is what the route injects, nil for nothing.
	Fault *Fault
	// Trace are the routes, and the matches of routes, that were tried before, in
	// order, each with the first condition that failed.
	Trace []Step
}

// Route names a route, or one match of it.
type Route struct {
	// VirtualService holds the route; for a delegate's route it is the root.
	VirtualService types.NamespacedName
	// Index is the place in the VirtualService's http.
	Index int
	// Delegate holds the route, at DelegateIndex, when that place is a
	// delegate's; else it is zero.
	Delegate      types.NamespacedName
	DelegateIndex int
	// Name is the route's, as Istio merges it with the root's.
	Name string
	// Match is the place in the route's list of matches, after the merge with
	// the root's for a delegate; -1 for a route without a match.
	Match int
}

// String names it for messages: shop/reviews http[2] "jason" match[0].
func (r Route) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s http[%d]", r.VirtualService, r.Index)
	if r.Delegate.Name != "" {
		fmt.Fprintf(&b, " → %s http[%d]", r.Delegate, r.DelegateIndex)
	}
	if r.Name != "" {
		fmt.Fprintf(&b, " %q", r.Name)
	}
	if r.Match >= 0 {
		fmt.Fprintf(&b, " match[%d]", r.Match)
	}
	return b.String()
}

// Step is a route that did not match.
type Step struct {
	Route Route
	// Why is the first condition that failed, a clause.
	Why string
}

// Destination is one of those that share a request.
type Destination struct {
	// Host is completed as istiod does: only a name without a dot is a short one.
	Host   string
	Subset string
	// Port is the one that the route names; 0: the Service's only port, else the
	// one that was called.
	Port uint32
	// Share is the exact part of the requests, above 0; the shares of a result
	// add up to 1.
	Share *big.Rat
}

// Mirror is where copies of a request go.
type Mirror struct {
	Host, Subset string
	Port         uint32
	// PerMillion is how many of a million requests are copied, as Envoy counts.
	PerMillion uint32
}

// Redirect is an answer that sends the client elsewhere.
type Redirect struct {
	Status   uint32
	Location string
}

// DirectResponse is an answer of the proxy itself.
type DirectResponse struct {
	Status uint32
	Body   string
}

// Fault is what a route injects, each part for so many of a million requests.
type Fault struct {
	Delay           time.Duration
	DelayPerMillion uint32
	// AbortStatus is an HTTP status, or AbortGRPC the name of a gRPC one.
	AbortStatus     uint32
	AbortGRPC       string
	AbortPerMillion uint32
}

// Share is the part of the requests that goes to a host's subset, 0 to 1, before
// any fault.
func (r Result) Share(host, subset string) *big.Rat {
	sum := new(big.Rat)
	for _, d := range r.Destinations {
		if d.Host == host && d.Subset == subset {
			sum.Add(sum, d.Share)
		}
	}
	return sum
}
