package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// splitLabels refuses to change, while a release runs, what its routes rely
// on: the pod labels that tell the versions apart, and those by which the
// Service finds the pods. It yields to who accepts that.
func splitLabels(w Write, mine Claim) (v Verdict) {
	if w.Before == nil {
		return v
	}
	var faults intent.Faults
	var changes []string
	before, after := release.WorkloadOf(w.Before), release.WorkloadOf(w.After)
	keys := append(slices.Sorted(maps.Keys(mine.Service.Selector)), mine.Status.Versions(before.Template, nil).VersionLabels...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		was, had := before.Template[key]
		is, has := after.Template[key]
		if was == is && had == has || arrives(w, mine, key) {
			continue
		}
		faults = append(faults, intent.Fault{
			Kind: intent.Forbidden, At: deployment(after), Value: key + "=" + is,
			Why:   fmt.Sprintf("is a pod label that the routes of release %s rely on (it was %q)", mine.Status.Task, was),
			Right: "keep it, or end the release first", Risk: intent.Unprotected,
		})
		changes = append(changes, key)
	}
	v.guard(accepts(w.After, intent.Unprotected), faults, fmt.Sprintf("changes the pod labels %s of %s, which the routes of release %s rely on",
		strings.Join(changes, ", "), deployment(after), mine.Status.Task))
	return v
}

// arrives says whether a version label becomes the grayscale version's, together
// with all else that makes it, where the release waits for just that.
func arrives(w Write, mine Claim, key string) bool {
	s := mine.Status
	_, version := s.Original.Labels[key]
	c := s.Condition(release.Progressing)
	return version && c != nil && c.Reason == release.ReasonWaitingForSource && workload.Arrived(w.After, s)
}
