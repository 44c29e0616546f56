package plan

import (
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Denied tells by the status of the release that holds the Service that the API
// server refuses a write of its, and why: a policy of the cluster's, somebody's
// validating webhook. Nothing else of the status changes, for what rests on the
// write has not happened; the first pass whose writes go through makes it right
// again. The plan is empty where nobody holds the Service, or it is told already.
func Denied(s Snapshot, why string, now time.Time) Plan {
	if s.Service == nil {
		return Plan{}
	}
	before, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil || before == nil || before.Phase.Ended() {
		return Plan{}
	}
	after := before.DeepCopy()
	after.Intent, after.Reach = look(s, before, now).reached() // known before anything else appears
	after.SetCondition(release.Degraded, true, release.ReasonRefused, "a write is refused, and is tried again: "+why, now)
	if after.Annotation() == before.Annotation() {
		return Plan{}
	}
	v := view{Snapshot: s}
	for _, d := range s.Deployments {
		if d.GetUID() == before.Original.UID {
			v.original = d
		}
	}
	return Plan{Status: after, Annotations: s.claimed(after), Events: v.changed(before, after)}
}
