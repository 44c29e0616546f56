package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// orphans takes away what is left of us about a Service that no release holds:
// it was deleted mid-way, or made anew. Routes go first, for they name the rest.
func orphans(s Snapshot) Plan {
	p := Plan{}
	v := view{Snapshot: s}
	for _, vs := range s.VirtualServices {
		service, own := route.OursFor(vs)
		if own && service == s.Key || !own && holds(vs, s) {
			v.routes = append(v.routes, routing{vs: vs, own: own})
		}
	}
	v.strip(&p, nil)
	if len(p.Changes) > 0 {
		return p
	}
	for _, d := range s.Deployments {
		if isClone(d) && s.isOrphan(d) {
			v.remove(&p, d, "takes the clone of a lost release away")
			p.Events = append(p.Events, on(Event{Warning: true, Reason: "ClaimLost", Message: fmt.Sprintf("Service %s was deleted or made anew: its release %s is gone", s.Key, d.GetLabels()[intent.LabelTask])}, s.deployment(d.GetLabels()[intent.LabelOf]))...)
		}
	}
	v.dropRules(&p)
	return p
}

// holds says whether a VirtualService has routes of ours for the Service.
func holds(vs *unstructured.Unstructured, s Snapshot) bool {
	for _, live := range route.Read(vs) {
		if live.Service == s.Key {
			return true
		}
	}
	return false
}

// isOrphan says whether a clone belongs to no claim of the namespace, and to
// this Service: it selects the clone's pods or, being gone, no other does.
func (s Snapshot) isOrphan(d *unstructured.Unstructured) bool {
	template := release.WorkloadOf(d).Template
	selected := false
	for _, u := range s.Services {
		claim, err := release.Claim(u.GetAnnotations(), u.GetUID())
		if err != nil || claim != nil && claim.Clone == d.GetName() {
			return false
		}
		if release.ServiceOf(u).Selects(template) {
			selected = true
			if u.GetName() == s.Key.Name {
				return true
			}
		}
	}
	return s.Service == nil && !selected
}
