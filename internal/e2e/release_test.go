package e2e

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// annotate is kubectl annotate deployment NAME with keys of ours: "weight=10".
func (w *world) annotate(deployment string, pairs ...string) {
	w.t.Helper()
	w.kubectl(append([]string{"annotate", "deployment", deployment, "--overwrite"}, annotations(pairs)...)...)
}

// status reads the release that holds a Service; nil when none does.
func (w *world) status(service string) *release.Status {
	w.t.Helper()
	u := w.get(services, service)
	if u == nil {
		return nil
	}
	s, err := release.Claim(u.GetAnnotations(), u.GetUID())
	if err != nil {
		w.t.Fatalf("Service %s/%s: %v", w.namespace, service, err)
	}
	return s
}

// history reads what ended on a Service, newest first.
func (w *world) history(service string) []release.Entry {
	w.t.Helper()
	h, err := release.ParseHistory(w.get(services, service).GetAnnotations()[intent.AnnotationHistory])
	if err != nil {
		w.t.Fatalf("Service %s/%s: %v", w.namespace, service, err)
	}
	return h.Entries
}

func describe(s *release.Status) string {
	if s == nil {
		return "no release"
	}
	words := []string{fmt.Sprintf("release %s is %s", s.Task, s.Phase)}
	if s.Live != nil {
		words = append(words, fmt.Sprintf("%s %% live", s.Live.Weight))
	}
	for _, c := range s.Conditions {
		words = append(words, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(words, ", ")
}

// until waits for a status of the release of Service reviews.
func (w *world) until(what string, holds func(*release.Status) bool) *release.Status {
	w.t.Helper()
	var last *release.Status
	w.eventually(what, func() (bool, string) {
		last = w.status("reviews")
		return last != nil && holds(last), describe(last)
	})
	return last
}

// untilPhase waits for a phase.
func (w *world) untilPhase(phase release.Phase) *release.Status {
	w.t.Helper()
	return w.until("phase "+string(phase), func(s *release.Status) bool { return s.Phase == phase })
}

// untilLive waits until every route has that weight, in percent.
func (w *world) untilLive(weight string) *release.Status {
	w.t.Helper()
	return w.until("weight "+weight, func(s *release.Status) bool {
		return s.Live != nil && s.Live.Weight == s.Live.Most && s.Live.Weight.String() == weight
	})
}

// untilEnded waits until the release is over, and gives its entry.
func (w *world) untilEnded(service, task string, phase release.Phase) release.Entry {
	w.t.Helper()
	var entry release.Entry
	w.eventually(task+" to end as "+string(phase), func() (bool, string) {
		entries := w.history(service)
		if len(entries) == 0 || entries[0].Task != task || w.status(service) != nil {
			return false, describe(w.status(service))
		}
		entry = entries[0]
		return true, ""
	})
	if entry.Phase != phase {
		w.t.Fatalf("release %s ended as %s, want %s: %s", task, entry.Phase, phase, entry.Message)
	}
	return entry
}
