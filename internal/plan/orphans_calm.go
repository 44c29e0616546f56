package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// calmOrphans leads the routes of a Service that was made anew away from the clone
// of its lost release, and lets the clone serve its last requests. It says whether
// there is something to wait for. Where all that runs is the clone, where ours are
// gone, or where the versions can't be told apart any more, there is nothing to do.
func (v view) calmOrphans(p *Plan) bool {
	for _, clone := range v.Deployments {
		original := v.deployment(clone.GetLabels()[intent.LabelOf])
		if !isClone(clone) || !v.isOrphan(clone) || clone.GetDeletionTimestamp() != nil || original == nil || v.last(clone) {
			continue
		}
		if v.claim = lostClaim(v.Settings.VersionLabel, original, clone); v.claim == nil {
			continue
		}
		v.original, v.clone = original, clone
		v.versions = v.claim.Versions(v.template(), v.others())
		v.rules, _ = route.Rules(route.RulesInput{
			Service: v.Key, Versions: v.versions, Rules: v.DestinationRules,
			VirtualServices: v.VirtualServices, RootNamespace: v.Settings.RootNamespace,
		})
		if v.leadBack(p) || v.drains(p) {
			return true
		}
	}
	return false
}

// lostClaim is as much of a claim as the two Deployments still tell; nil when they
// do not differ in a version label.
func lostClaim(label string, original, clone *unstructured.Unstructured) *release.Status {
	o, c := release.WorkloadOf(original), release.WorkloadOf(clone)
	labels := map[string]string{}
	for _, key := range append([]string{label}, release.DefaultLabels...) {
		if value, has := o.Template[key]; has && value != c.Template[key] {
			labels[key] = value
		}
	}
	for _, key := range append([]string{label}, release.DefaultLabels...) {
		if value, has := labels[key]; has {
			return &release.Status{
				Task: c.Labels[intent.LabelTask], Clone: c.Name, Label: key,
				Original:  release.Version{Name: o.Name, UID: o.UID, Version: value, Labels: labels},
				Grayscale: release.Version{Name: c.Name, UID: c.UID, Version: c.Template[key]},
			}
		}
	}
	return nil
}

// leadBack takes every share from the clone, and says whether there was one.
func (v view) leadBack(p *Plan) bool {
	for _, r := range v.routes {
		serves := false
		for _, live := range route.Read(r.vs) {
			serves = serves || live.Service == v.Key && live.Serves()
		}
		if !serves || len(v.newSubsets(r.vs)) > 0 {
			continue
		}
		after, err := v.at(r, intent.Share{})
		if err != nil {
			p.Refused = append(p.Refused, err.Error())
			continue
		}
		if !same(r.vs, after) && v.unready(v.newSubsets(after)) == 0 {
			p.Changes = append(p.Changes, Change{Action: Update, Before: r.vs, Object: after, Why: "leads the requests back to the original version"})
		}
	}
	return len(p.Changes) > 0
}

// drains notes on our rules since when nothing leads to the clone, and says whether
// it must still be there.
func (v view) drains(p *Plan) bool {
	waits := false
	for _, rule := range v.ourRules() {
		since, err := time.Parse(time.RFC3339Nano, rule.GetAnnotations()[intent.AnnotationCalm])
		if err != nil || since.After(v.now) { // which somebody else has written
			after := rule.DeepCopy()
			annotate(after, intent.AnnotationCalm, v.now.Format(time.RFC3339Nano))
			p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Why: "notes since when no route leads to the clone"})
			waits = true
			continue
		}
		if left := since.Add(max(v.Settings.Drain, v.Settings.Propagation)).Sub(v.now); left > 0 {
			p.sooner(left)
			waits = true
		}
	}
	return waits
}
