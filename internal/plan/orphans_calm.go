package plan

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// calmOrphans leads the requests of a Service that was made anew away from the clone
// of its lost release, and lets the clone serve its last ones. It says whether
// there is something to wait for. Where all that runs is the clone, where ours are
// gone, or where the versions can't be told apart any more, there is nothing to do.
func (v view) calmOrphans(p *Plan) bool {
	for _, clone := range v.Deployments {
		original := v.deployment(clone.GetLabels()[intent.LabelOf])
		if !workload.IsClone(clone) || !v.isOrphan(clone) || clone.GetDeletionTimestamp() != nil || original == nil || v.last(clone) {
			continue
		}
		if v.claim = v.lostClaim(original, clone); v.claim == nil {
			continue
		}
		v.original, v.clone = original, clone
		renewed := release.WorkloadOf(original).Template[v.claim.Label] == v.claim.Grayscale.Version
		v.versions = v.claim.Versions(v.template(), v.others())
		in := v.rulesInput(v.versions)
		in.Prefer = v.newest(renewed)
		v.rules, _ = route.Rules(in)
		if renewed {
			v.keepRules(p) // no route can tell its pods from the clone's
		} else {
			v.leadBack(p)
		}
		if len(p.Changes) > 0 || v.drains(p) {
			return true
		}
	}
	return false
}

// lostClaim is as much of a claim as is still told: by a near rule of ours, which has
// the labels that the original had, or else by the two Deployments; nil when
// nothing tells the versions apart.
func (v view) lostClaim(original, clone *unstructured.Unstructured) *release.Status {
	for _, rule := range v.nearRules() {
		for _, subset := range route.SubsetNames(rule) {
			labels, _ := route.Selector(rule, subset)
			if claim := apart(v.Settings.VersionLabel, labels, original, clone); claim != nil && strings.HasPrefix(subset, route.SubsetOriginal) {
				return claim
			}
		}
	}
	return apart(v.Settings.VersionLabel, release.WorkloadOf(original).Template, original, clone)
}

// apart gives the claim of an original that had these labels.
func apart(label string, had map[string]string, original, clone *unstructured.Unstructured) *release.Status {
	c := release.WorkloadOf(clone)
	keys := append([]string{label}, release.DefaultLabels...)
	labels := map[string]string{}
	for _, key := range keys {
		if value, has := had[key]; has && value != c.Template[key] {
			labels[key] = value
		}
	}
	for _, key := range keys {
		if value, has := labels[key]; has {
			return &release.Status{
				Task: c.Labels[intent.LabelTask], Clone: c.Name, Label: key,
				Original:  release.Version{Name: original.GetName(), UID: original.GetUID(), Version: value, Labels: labels},
				Grayscale: release.Version{Name: c.Name, UID: c.UID, Version: c.Template[key]},
			}
		}
	}
	return nil
}

// newest is the label of the pods of an original that has the clone's version,
// which every proxy is to prefer; empty while they are of several templates.
func (v view) newest(renewed bool) map[string]string {
	hashes := map[string]bool{}
	for _, pod := range v.Pods {
		if renewed && pod.Owner == v.original.GetName() && v.version(pod) == v.claim.Grayscale.Version && pod.Ready && !pod.Leaving {
			hashes[pod.Labels[templateHash]] = true
		}
	}
	if len(hashes) != 1 {
		return nil
	}
	return map[string]string{templateHash: sortedKeys(hashes)[0]}
}

// leadBack takes every share from the clone.
func (v view) leadBack(p *Plan) {
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
		if !same(r.vs, after) && !v.tooYoung(v.newSubsets(after)) {
			p.Changes = append(p.Changes, Change{Action: Update, Before: r.vs, Object: after, Why: "leads the requests back to the original version"})
		}
	}
}

// drains says whether the clone must still be there: for its last requests, and
// until no proxy sends it another one.
func (v view) drains(p *Plan) bool {
	return v.waitsSince(p, intent.AnnotationCalm, "notes since when no route leads to the clone", max(v.Settings.Drain, v.Settings.Propagation))
}

// forgetPods lets our routes outlive the clone's pods by the propagation delay: a
// proxy that still knows them must not get the user's routes.
func (v view) forgetPods(p *Plan) bool {
	return len(v.routes) > 0 && v.waitsSince(p, intent.AnnotationGone, "notes since when the clone is gone", v.Settings.Propagation)
}

// waitsSince notes a time on our near rules, and says whether the delay from it is not
// over yet.
func (v view) waitsSince(p *Plan, annotation, why string, delay time.Duration) bool {
	waits := false
	for _, rule := range v.nearRules() {
		since, err := time.Parse(time.RFC3339Nano, rule.GetAnnotations()[annotation])
		if err != nil || since.After(v.now) { // which somebody else has written
			after := rule.DeepCopy()
			annotate(after, annotation, v.now.Format(time.RFC3339Nano))
			p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Why: why})
			waits = true
			continue
		}
		if left := since.Add(delay).Sub(v.now); left > 0 {
			p.sooner(left)
			waits = true
		}
	}
	return waits
}
