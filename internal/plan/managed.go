package plan

import (
	"fmt"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// ManagedFaults says who would undo the end that the intent asks for, beside the
// original's own manager, whom the original itself tells: an autoscaler of what a
// replace deletes, or who manages a route or subset that is moved. spec is of the
// release that would start; nil for the one that holds the Service. The snapshot
// has the original as it is written.
func ManagedFaults(s Snapshot, i intent.Intent, spec *release.Spec) intent.Faults {
	claim, ok := s.wouldBe(i, spec)
	if i.End != intent.EndFinish || !ok {
		return nil
	}
	v := look(s, claim, time.Time{})
	who, _ := v.managers()
	if who == "" || claim.Finish == intent.Replace && workload.Manager(v.original) != "" {
		return nil
	}
	return intent.Faults{{
		Kind: intent.Forbidden, At: intent.KeyEnd, Value: string(i.End),
		Why:   fmt.Sprintf("deletes or moves what would be brought back, or missed, by %s", who),
		Right: "take it out of those hands first, or cancel the release", Risk: intent.Managed,
	}}
}

// wouldBe is the claim that holds the Service, or that of a release that would
// start.
func (s Snapshot) wouldBe(i intent.Intent, spec *release.Spec) (*release.Status, bool) {
	if s.Service == nil {
		return nil, false
	}
	if spec != nil {
		return begun(s, candidate{intent: i, spec: *spec}, time.Time{}), true
	}
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	return claim, err == nil && claim != nil
}
