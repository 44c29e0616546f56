package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// on gives an event for each object that is there.
func on(e Event, objects ...*unstructured.Unstructured) []Event {
	var out []Event
	for _, u := range objects {
		if u != nil {
			e.On = u
			out = append(out, e)
		}
	}
	return out
}

// changed gives the events of a new status: its phase, and what became wrong
// or right again.
func (v view) changed(before, after *release.Status) []Event {
	var out []Event
	if before.Phase != after.Phase {
		out = on(Event{Reason: string(after.Phase), Message: fmt.Sprintf("release %s: %s", after.Task, after.Phase.Sentence())}, v.Service, v.original)
	}
	if after.Steps.Done(release.StepTooLate) && !before.Steps.Done(release.StepTooLate) {
		out = append(out, on(Event{Warning: true, Reason: "CancelIgnored", Message: fmt.Sprintf("release %s: the original has been changed or deleted already, so the release finishes; release %s anew to go back", after.Task, before.Original.Version)}, v.Service, v.original)...)
	}
	if waitsForSource(after) && !waitsForSource(before) {
		out = append(out, on(Event{Reason: release.ReasonWaitingForSource, Message: fmt.Sprintf("release %s: %s", after.Task, after.Condition(release.Progressing).Message)}, v.Service, v.original)...)
	}
	was, is := before.Condition(release.Degraded), after.Condition(release.Degraded)
	switch {
	case is == nil || was != nil && was.Reason == is.Reason:
	case after.Is(release.Degraded):
		out = append(out, on(Event{Warning: true, Reason: is.Reason, Message: fmt.Sprintf("release %s: %s", after.Task, is.Message)}, v.Service, v.original)...)
	case before.Is(release.Degraded):
		out = append(out, on(Event{Reason: "Recovered", Message: fmt.Sprintf("release %s: %s", after.Task, is.Message)}, v.Service, v.original)...)
	}
	return out
}

func (v view) ended(s *release.Status) []Event {
	return on(Event{Reason: string(s.Phase), Message: fmt.Sprintf("release %s: %s", s.Task, s.Phase.Sentence())}, v.Service, v.original, v.clone)
}
