package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Orphaned says whether the namespace has the clone of a lost release for the
// Service: then it is the Service's pods that say which version can serve.
func Orphaned(s Snapshot) bool { return len(s.orphanedClones()) > 0 }

// orphanedClones are those that a Service's lost release has left.
func (s Snapshot) orphanedClones() []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(s.Deployments), func(d *unstructured.Unstructured) bool { return !workload.IsClone(d) || !s.isOrphan(d) })
}

// awaitOriginals leaves everything as it stands while the clone of a lost release
// serves what its original can't: routes and clone, until the original has pods
// that have stayed ready. It says whether there is such a clone. A clone without
// pods serves nobody, and one whose original is gone for good is freed.
func (v view) awaitOriginals(p *Plan) bool {
	waits := false
	for _, clone := range v.orphanedClones() {
		original := v.deployment(clone.GetLabels()[intent.LabelOf])
		if clone.GetDeletionTimestamp() != nil || release.WorkloadOf(clone).Replicas == 0 || v.last(clone) || v.standsIn(p, original, clone) {
			continue
		}
		waits = true
		p.Holds = fmt.Sprintf("Service %s was deleted or made anew, and its release %s with it: Deployment %s keeps its share until Deployment %s has pods that are ready; delete either of the two to end that",
			v.Key, clone.GetLabels()[intent.LabelTask], clone.GetName(), original.GetName())
		p.Events = append(p.Events, on(Event{Warning: true, Reason: "ClaimLost", Message: p.Holds}, original)...)
	}
	return waits
}

// standsIn says whether an original can take what its clone has: by one pod of the
// version that the routes lead back to, for that is what a cancel asks; by all of
// them where a finish in place has given both one version, and the clone just goes.
func (v view) standsIn(p *Plan, original, clone *unstructured.Unstructured) bool {
	o := release.WorkloadOf(original)
	need, had := int32(1), map[string]string{}
	if claim := v.lostClaim(original, clone); claim != nil {
		had = claim.Original.Labels
		if version := claim.Grayscale.Version; o.Template[claim.Label] == version {
			need, had = max(1, o.Replicas), map[string]string{claim.Label: version}
		}
	}
	ready := int32(0)
	for _, pod := range v.Pods {
		if pod.Owner != o.Name || !pod.Ready || pod.Leaving || !labels.SelectorFromSet(had).Matches(labels.Set(pod.Labels)) {
			continue
		}
		if left := pod.ReadySince.Add(v.Settings.Hold).Sub(v.now); left > 0 {
			p.sooner(left)
			continue
		}
		ready++
	}
	return ready >= need
}
