package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Release is one release to be shown.
type Release struct {
	Namespace  string
	Status     *release.Status
	Claimed    bool              // it holds its Service
	Ended      bool              // it is over, and Status is what the history keeps
	Unreadable string            // how it stands, where its claim can't be read; empty: it can
	Current    bool              // Status was made from the annotations as they are now
	Holds      string            // what is waited for
	Refused    []string          // why nothing is done for what was asked
	Down       string            // why nothing moves: the controller is not there
	ByHand     bool              // it was cancelled without the controller: its claim is all that is left
	Stale      string            // why the counts are not fresh; empty: they are
	AsOf       time.Time         // when the controller last wrote the Status down; zero: nobody knows
	Renewed    map[string]string // the images of an original that has the new version by now; nil: it has not
	Commit     string            // the change that is waited for, as YAML to paste; empty: none
	Next       []Step
	Now        time.Time
}

// Step is a command that makes sense next.
type Step struct{ Command, What string }

// Name is "namespace/task".
func (r Release) Name() string { return r.Namespace + "/" + r.Status.Task }

// Phase is the phase's word.
func (r Release) Phase() string {
	switch {
	case r.Unreadable != "":
		return "Unreadable"
	case r.Status.Phase != "":
		return string(r.Status.Phase)
	case len(r.Refused) > 0:
		return "Refused"
	}
	return "Asked" // not claimed yet
}

// Whole is the Status for a program: with the phase's word in any case.
func (r Release) Whole() *release.Status {
	if r.Status.Phase != "" {
		return r.Status
	}
	s := *r.Status
	s.Phase = release.Phase(r.Phase())
	return &s
}

// Sentence says what the phase means.
func (r Release) Sentence() string {
	switch {
	case r.Unreadable != "":
		return r.Unreadable
	case r.ByHand:
		return handmade
	case copiesOnly(r.Status):
		return "the grayscale version gets copies of the requests"
	case r.Status.Phase != "":
		return r.Status.Phase.Sentence()
	case len(r.Refused) > 0:
		return "the controller can't start it"
	}
	return "waiting for the controller to take it up"
}

const handmade = "cancelled by hand; the Service is held until the controller returns"

// Note is what a line of a list must not hide: what is waited for, as the fixed
// reason of a condition, or why nothing moves.
func (r Release) Note() string {
	switch {
	case r.Ended:
		return ""
	case r.Unreadable != "":
		return r.Unreadable
	case len(r.Refused) > 0 && !r.Claimed:
		first, _, _ := strings.Cut(r.Refused[0], "\n")
		return strings.TrimPrefix(first, "Deployment "+r.Namespace+"/"+r.Status.Original.Name+": ")
	case r.Down == "" && r.Status.Is(release.Progressing):
		return r.Status.Condition(release.Progressing).Reason
	case r.Down == "":
		return ""
	case r.ByHand:
		return handmade
	case r.Stale != "" && !r.AsOf.IsZero():
		return "as of " + Age(r.Now, r.AsOf) + " ago, the controller is down"
	case r.Stale != "":
		return "as last written, the controller is down"
	}
	return "the controller is down"
}

// Line is the release in one line, as progress shows it.
func (r Release) Line() string {
	s := r.Status
	line := fmt.Sprintf("%s: %s", r.Name(), r.Phase())
	switch s.Phase {
	case release.Starting, release.Ready:
		if s.Grayscale.Replicas > 0 {
			line += fmt.Sprintf(", %s pods ready", ready(s.Grayscale))
		}
	}
	switch s.Phase {
	case release.Ready, release.Routing, release.TakenOver:
		line += ", " + shares(s)
	}
	if r.Holds != "" && !r.Ended {
		return line + ": " + Tight(r.Holds)
	}
	return line + ": " + r.Sentence()
}
