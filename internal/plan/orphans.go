package plan

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// orphans takes away what is left of us about a Service that no release holds:
// it was deleted mid-way, or made anew. Nothing can be asked of a Service that
// is gone, so routes go first, for they name the rest; one that was made anew
// selects the clone's pods, and the routes keep requests from those that leave:
// they are led back to the original before, once that can serve.
// left says whether anything of it is still there.
func orphans(s Snapshot, now time.Time) (p Plan, left bool) {
	v := view{Snapshot: s, now: now}
	for _, vs := range s.VirtualServices {
		service, own := route.OursFor(vs)
		if own && service == s.Key || !own && v.holds(vs) {
			v.routes = append(v.routes, routing{vs: vs, own: own})
		}
	}
	steps := []func(*Plan) bool{v.stripOrphans, v.removeClones, v.removeRules}
	if s.Service != nil {
		steps = []func(*Plan) bool{v.awaitOriginals, v.calmOrphans, v.removeClones, v.forgetPods, v.stripOrphans, v.removeRules}
	}
	for _, step := range steps {
		if step(&p) {
			return p, true
		}
	}
	return p, false
}

// Each step says whether something is there that must go before the next one.

// stripOrphans takes our routes away. Where a VirtualService's own can't carry the
// requests yet, ours do, and its callers' rules stay; one elsewhere keeps nothing else.
func (v view) stripOrphans(p *Plan) (left bool) {
	v.reuse(p)
	for _, r := range v.routes {
		moves, dead := v.heirs(r.vs)
		if dead == "" || v.Service == nil {
			v.stripOne(p, r, moves)
		} else if v.near(r.vs) {
			left = true
			p.Holds = sentences(p.Holds, fmt.Sprintf("routes of the last release of Service %s stay in %s, whose own name subset %s, which has no pods: let them name one that has", v.Key, objectName(r.vs), dead))
		}
	}
	return left || len(p.Changes) > 0
}

func (v view) removeClones(p *Plan) bool {
	wait := false
	for _, d := range v.Deployments {
		if !workload.IsClone(d) || !v.isOrphan(d) {
			continue
		}
		wait = v.Service != nil
		v.forgetLost(p, d)
		if d.GetDeletionTimestamp() != nil {
			continue
		}
		if v.last(d) {
			p.Changes = append(p.Changes, Change{Action: Update, Before: d, Object: workload.Freed(d), Release: true, Why: "leaves the only version that runs to its user"})
		} else {
			v.remove(p, d, "takes the clone of a lost release away")
		}
		p.Events = append(p.Events, on(Event{Warning: true, Reason: "ClaimLost", Message: fmt.Sprintf("Service %s was deleted or made anew: its release %s is gone", v.Key, d.GetLabels()[intent.LabelTask])}, v.deployment(d.GetLabels()[intent.LabelOf]))...)
	}
	return wait
}

// forgetLost takes the intent of a release away that went with its Service, before
// the clone that tells of it: a Service that is made later would begin it again.
// One that is there anew already has what its Deployment asks for.
func (v view) forgetLost(p *Plan, clone *unstructured.Unstructured) {
	original := v.deployment(clone.GetLabels()[intent.LabelOf])
	if v.Service != nil || original == nil || original.GetDeletionTimestamp() != nil {
		return
	}
	lost := view{Snapshot: v.Snapshot, original: original, claim: &release.Status{
		Task: clone.GetLabels()[intent.LabelTask], Original: release.Version{UID: original.GetUID()},
	}}
	lost.forget(p)
}

// Lost gives the UIDs of the Deployments whose release went with the Service, and
// whose ReplicaSets may hold the intent.
func Lost(s Snapshot) (originals []types.UID) {
	for _, d := range s.Deployments {
		if s.Service != nil || !workload.IsClone(d) || !s.isOrphan(d) {
			continue
		}
		if original := s.deployment(d.GetLabels()[intent.LabelOf]); original != nil {
			originals = append(originals, original.GetUID())
		}
	}
	return originals
}

// heirs gives, for each subset without pods that the user's own routes in a
// VirtualService name, the rule's subset that has pods: the original had just been
// replaced. dead is one that has none, and then there are no moves. What other
// namespaces say of a subset is no matter of its callers'.
func (v view) heirs(vs *unstructured.Unstructured) (moves map[string]string, dead string) {
	moves = map[string]string{}
	for _, name := range route.SubsetsOf(route.Strip(vs), v.Key) {
		for _, rule := range v.DestinationRules {
			selector, has := route.Selector(rule, name)
			if !has || route.Ours(rule) || !v.near(rule) && rule.GetNamespace() != vs.GetNamespace() || v.served(selector) {
				continue
			}
			heir := v.heir(rule, selector)
			if heir == "" {
				return nil, name
			}
			moves[name] = heir
		}
	}
	return moves, ""
}

// heir finds the subset that selects by the same labels pods that are there.
func (v view) heir(rule *unstructured.Unstructured, dead map[string]string) string {
	for _, name := range route.SubsetNames(rule) {
		selector, _ := route.Selector(rule, name)
		if slices.Equal(sortedKeys(selector), sortedKeys(dead)) && v.served(selector) {
			return name
		}
	}
	return ""
}

// served says whether a Deployment that stays has pods with these labels.
func (v view) served(selector map[string]string) bool {
	return slices.ContainsFunc(v.workloads(), func(w release.Workload) bool {
		d := v.deployment(w.Name)
		goes := d.GetDeletionTimestamp() != nil || v.Service == nil && workload.IsClone(d)
		return !goes && w.Replicas > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(w.Template))
	})
}

// last says whether a clone is all that is left to serve: its original is gone,
// or has no pods.
func (v view) last(clone *unstructured.Unstructured) bool {
	original := v.deployment(clone.GetLabels()[intent.LabelOf])
	return v.Service != nil && (original == nil || original.GetDeletionTimestamp() != nil || release.WorkloadOf(original).Replicas == 0)
}

// isOrphan says whether a clone belongs to no claim of the namespace, and to
// this Service: it selects the clone's pods or, being gone, no other does. Another
// Service may select them, too, so all claims are looked at first.
func (s Snapshot) isOrphan(d *unstructured.Unstructured) bool {
	template := release.WorkloadOf(d).Template
	selected, here := false, false
	for _, u := range s.Services {
		claim, err := release.Claim(u.GetAnnotations(), u.GetUID())
		if claim != nil && claim.Clone == d.GetName() || isUnread(err, u, d) {
			return false
		}
		selects := release.ServiceOf(u).Selects(template)
		selected = selected || selects
		here = here || selects && u.GetName() == s.Key.Name
	}
	return here || s.Service == nil && !selected
}
