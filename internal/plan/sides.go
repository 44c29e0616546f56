package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// templateHash is the label that tells the pods of one template of a Deployment.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
const templateHash = "pod-template-hash"

// theCloneSide counts the clone's pods of the grayscale version: not those that the
// original has of it while a release finishes in place, nor anybody else's.
func (v *view) theCloneSide() release.Side {
	side := v.side(v.clone, func(p Pod) bool { return v.version(p) == v.claim.Grayscale.Version && p.Owner == v.claim.Clone })
	side.Scaler = v.scaler(v.clone)
	return side
}

// theOriginalSide counts the pods of the original version.
func (v *view) theOriginalSide() release.Side {
	side := v.side(v.original, func(p Pod) bool { return v.version(p) == v.claim.Original.Version })
	if v.original == nil || v.claim.Finish != intent.InPlace {
		return side
	}
	side.Updated, side.Scaler = v.updated(), v.scaler(v.original)
	side.Paused, _, _ = unstructured.NestedBool(v.original.Object, "spec", "paused")
	renewed := v.side(v.original, v.renewed)
	side.Renewed = renewed.Ready
	if side.Trouble == "" {
		side.Trouble = renewed.Trouble
	}
	side.RolledOut = side.Updated && rolledOut(v.original) && side.Endpoints == v.unknown() && side.Renewed >= max(1, side.Replicas)
	return side
}

// updated says whether the original is the grayscale version by its template.
// Once a finish has begun, the rest of the template is the user's to change.
func (v *view) updated() bool {
	if v.claim.Phase == release.Finishing {
		return release.WorkloadOf(v.original).Template[v.claim.Label] == v.claim.Grayscale.Version
	}
	return workload.Arrived(v.original, v.claim)
}

// relabelled says whether the original is being rolled out to another version,
// whose pods no subset of ours selects.
func (v *view) relabelled() bool {
	return v.original != nil && release.WorkloadOf(v.original).Template[v.claim.Label] != v.claim.Original.Version
}

func (v *view) version(p Pod) string { return p.Labels[v.claim.Label] }

// renewed says whether a pod is the original's, of the grayscale version.
func (v *view) renewed(p Pod) bool {
	return v.claim.Finish == intent.InPlace && p.Owner == v.claim.Original.Name && v.version(p) == v.claim.Grayscale.Version
}

// side counts the endpoints of one version.
func (v *view) side(d *unstructured.Unstructured, mine func(Pod) bool) release.Side {
	side := release.Side{}
	if d != nil {
		side.Exists, side.Leaving = true, d.GetDeletionTimestamp() != nil
		side.Replicas = release.WorkloadOf(d).Replicas
		side.Labelled = workload.IsClone(d)
	}
	pods := map[string]Pod{}
	for _, p := range v.Pods {
		pods[p.Name] = p
		if mine(p) && p.Trouble != "" {
			side.Trouble = p.Trouble
		}
	}
	for _, e := range v.Endpoints {
		pod, known := pods[e.Pod]
		if known && !mine(pod) {
			continue
		}
		// A pod that is gone already could be either's.
		side.Endpoints++
		if !known || !e.Ready || !pod.Ready || pod.Leaving { // a Service may publish pods that are not
			continue
		}
		side.Ready++
		if pod.ReadySince.After(side.ReadySince) {
			side.ReadySince = pod.ReadySince
		}
	}
	return side
}

// unknown counts the endpoints whose pod is gone already.
func (v *view) unknown() int32 {
	return v.side(nil, func(Pod) bool { return false }).Endpoints
}

// rolledOut says whether a Deployment's roll-out is complete, as kubectl rollout
// status does.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
func rolledOut(d *unstructured.Unstructured) bool {
	count := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(d.Object, append([]string{"status"}, path...)...)
		return n
	}
	want := int64(release.WorkloadOf(d).Replicas)
	return count("observedGeneration") >= d.GetGeneration() &&
		count("updatedReplicas") == want && count("replicas") == want && count("availableReplicas") == want
}

// preferred are the labels of the original's new pods once a release that
// finishes in place needs the clone no more: every proxy goes to them first, so
// that the clone leaves without a request. Empty while there is no such thing.
func (v *view) preferred() map[string]string {
	if v.claim.Phase != release.Finishing || v.original == nil || !v.theOriginalSide().RolledOut && !v.claim.Steps.Done(release.StepYield) {
		return nil
	}
	hash := ""
	for _, p := range v.Pods {
		if !v.renewed(p) || !p.Ready || p.Leaving {
			continue
		}
		if hash != "" && hash != p.Labels[templateHash] {
			return nil // it is rolled out again
		}
		hash = p.Labels[templateHash]
	}
	if hash == "" {
		return nil
	}
	return map[string]string{templateHash: hash}
}
