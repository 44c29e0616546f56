package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Desired gives the objects as they will be once the policy that is asked for
// is delivered, in the order in which they are written; nil with the reasons
// when no release runs or could start.
func Desired(s Snapshot, now time.Time) ([]*unstructured.Unstructured, []string) {
	claim := current(s, now)
	if claim == nil {
		return nil, Make(s, now).Refused
	}
	v := look(s, claim, now)
	asked := v.share
	var out []*unstructured.Unstructured
	for _, want := range v.rules.Want {
		if there := v.rule(want); there != nil {
			want = adopt(there, want)
		}
		out = append(out, want)
	}
	reasons := v.faults
	for _, r := range v.routes {
		if r.own && !v.needOwn() {
			continue
		}
		after, err := v.at(r, asked)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		out = append(out, after)
	}
	if v.needOwn() && v.own() == nil {
		made, err := v.makeOwn(asked)
		if err != nil {
			reasons = append(reasons, err.Error())
		} else {
			out = append(out, made)
		}
	}
	if clone := v.wanted(asked); clone != nil {
		out = append(out, clone)
	}
	return out, reasons
}

// current is the claim that holds, or the one that would be written now.
func current(s Snapshot, now time.Time) *release.Status {
	if s.Service == nil {
		return nil
	}
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil || claim != nil {
		return claim
	}
	return claimNext(s, now).Status
}

func (v view) wanted(asked intent.Share) *unstructured.Unstructured {
	replicas := release.Replicas(asked, v.claim.Form, v.observation.Asked.Policy.Replicas, max(v.claim.Peak, v.observation.Origin.Replicas, 1))
	switch {
	case v.clone != nil:
		clone := v.clone.DeepCopy()
		if v.observation.Clone.Scaler != "" {
			return clone
		}
		workload.SetReplicas(clone, replicas)
		return clone
	case v.original != nil:
		if made, err := workload.Clone(v.original, v.claim, replicas); err == nil {
			return made
		}
	}
	return nil
}

// Subsets says what the user's subsets mean for the release that holds the
// Service; nil when none does.
func Subsets(s Snapshot) route.Subsets {
	if s.Service == nil {
		return nil
	}
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil || claim == nil {
		return nil
	}
	return look(s, claim, time.Time{}).rules.Subsets
}
