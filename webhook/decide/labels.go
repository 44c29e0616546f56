package decide

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// splitLabels refuses to change, while a release runs, what its routes rely
// on: the pod labels that tell the versions apart, and those by which the
// Service finds the pods.
func splitLabels(w Write, mine Claim) (faults intent.Faults) {
	if w.Before == nil {
		return nil
	}
	before, after := release.WorkloadOf(w.Before), release.WorkloadOf(w.After)
	keys := append(slices.Sorted(maps.Keys(mine.Service.Selector)), mine.Status.Versions(before.Template, nil).VersionLabels...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		was, had := before.Template[key]
		is, has := after.Template[key]
		if was == is && had == has || arrives(mine, key, is) {
			continue
		}
		faults = append(faults, intent.Fault{
			Kind: intent.Forbidden, At: deployment(after), Value: key + "=" + is,
			Why:   fmt.Sprintf("is a pod label that the routes of release %s rely on (it was %q)", mine.Status.Task, was),
			Right: "keep it, or end the release first",
		})
	}
	return faults
}

// arrives says whether a version label becomes the grayscale version's where the
// release finishes in place and holds all traffic: the change that it waits for.
func arrives(mine Claim, key, value string) bool {
	s := mine.Status
	_, version := s.Original.Labels[key]
	return version && value == s.Grayscale.Version && s.Finish == intent.InPlace && s.Live != nil && s.Live.Weight == intent.Full
}
