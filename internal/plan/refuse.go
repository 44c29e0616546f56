package plan

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Refusals says why a release of the Service can't start although its intent
// is right: routes and rules that could not be kept safe, and other ways to
// the same pods, by which a request would reach the grayscale version unasked.
// What the intent accepts is left out.
func Refusals(s Snapshot, spec release.Spec) intent.Faults {
	claim := begun(s, candidate{intent: spec.Intent, spec: spec}, time.Time{})
	strange := s.strangers(claim)
	result, faults := route.Rules(s.rulesInput(spec.Versions.With(strange.versions()...)))
	r := refuser{s: s, faults: slices.Concat(TooFar(s), faults, strange.faults(s, claim))}
	for _, vs := range s.VirtualServices {
		r.virtualService(vs)
		r.faults = append(r.faults, route.RootMirrorFaults(vs, s.Key, result.Subsets)...)
	}
	r.faults = append(r.faults, s.taken(result.Want)...)
	r.faults = append(r.faults, s.pastRoutes(spec.Service, spec.Versions)...)
	return r.faults.Unaccepted(spec.Intent)
}

type refuser struct {
	s      Snapshot
	faults intent.Faults
}

func (r *refuser) virtualService(vs *unstructured.Unstructured) {
	if route.Ours(vs) {
		return
	}
	at := objectName(vs)
	r.faults = append(r.faults, route.L4Faults(vs, r.s.Key)...)
	stand := route.Stands(vs, r.s.Key)
	if stand.Wildcard != "" && stand.Mesh && !stand.Host && stand.HTTP {
		r.faults = append(r.faults, intent.Fault{
			Kind: intent.Conflict, At: at,
			Why:   fmt.Sprintf("stands for the Service's host by the wildcard %q, which a VirtualService of ours would hide", stand.Wildcard),
			Right: fmt.Sprintf("add a VirtualService of your own for the host %s with the routes that its callers are to have; no risk can be accepted here", route.Host(r.s.Key)),
		})
	}
	for _, live := range route.Read(vs) {
		if live.Service == r.s.Key {
			r.faults = append(r.faults, r.reserved(vs))
		}
	}
}

// reserved says why a VirtualService names a subset with our prefix: by the user's own
// hand, or since ours carry what its own routes can't, see stripOrphans.
func (r *refuser) reserved(vs *unstructured.Unstructured) intent.Fault {
	v := view{Snapshot: r.s}
	if _, dead := v.heirs(vs); dead != "" && v.holds(vs) {
		return intent.Fault{
			Kind: intent.Conflict, At: objectName(vs),
			Why:   fmt.Sprintf("still has routes of the last release of Service %s, for its own name subset %s, which has no pods", r.s.Key, dead),
			Right: "let them name one that has",
		}
	}
	return intent.Fault{Kind: intent.Forbidden, At: objectName(vs), Why: fmt.Sprintf("names a subset of Service %s with the reserved prefix %s", r.s.Key, route.Reserved), Right: "rename the subset"}
}

// taken says which names that objects of ours will need are somebody else's.
// rules are the DestinationRules that are wanted.
func (s Snapshot) taken(rules []*unstructured.Unstructured) (faults intent.Faults) {
	wanted := rules
	if s.needOwn() {
		own := &unstructured.Unstructured{}
		own.SetKind("VirtualService")
		own.SetNamespace(s.Key.Namespace)
		own.SetName(route.Reserved + s.Key.Name)
		wanted = append(wanted[:len(wanted):len(wanted)], own)
	}
	for _, want := range wanted {
		if s.namesake(want) {
			faults = append(faults, intent.Fault{
				Kind: intent.Conflict, At: objectName(want),
				Why:   fmt.Sprintf("is somebody else's, and has the name that ours for Service %s must have", s.Key),
				Right: "give it another name",
			})
		}
	}
	return faults
}

// namesake says whether an object that we want is there as somebody else's.
func (s Snapshot) namesake(want *unstructured.Unstructured) bool {
	for _, u := range s.Namesakes {
		if u.GetKind() == want.GetKind() && keyOf(u) == keyOf(want) {
			return true
		}
	}
	return false
}

// spareNames leaves out of a plan what would be made under a name that is
// somebody else's: the API server would refuse it each time, and nothing after it
// would be written.
func (s Snapshot) spareNames(p *Plan) {
	kept := p.Changes[:0:0]
	for _, c := range p.Changes {
		if c.Action == Create && s.namesake(c.Object) {
			p.Refused = append(p.Refused, fmt.Sprintf("%s is somebody else's, and has the name that ours must have: give it another name", objectName(c.Object)))
			continue
		}
		kept = append(kept, c)
	}
	p.Changes = kept
}

// objectName names an object: "VirtualService shop/reviews".
func objectName(u *unstructured.Unstructured) string { return u.GetKind() + " " + keyOf(u).String() }
