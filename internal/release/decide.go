package release

import (
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Do is one kind of action of a decision.
type Do string

// What a decision can ask for. Each is carried out only where it is not done
// already, so a decision can be taken again and again.
const (
	KeepRules     Do = "KeepRules"     // our DestinationRules stand as the routes need them
	KeepRoutes    Do = "KeepRoutes"    // every route at what is both live and in Share
	SetRoutes     Do = "SetRoutes"     // every route at Share
	KeepClone     Do = "KeepClone"     // the clone exists, with Replicas
	AppendSubsets Do = "AppendSubsets" // the user's rules get the subsets that their routes will name
	DeleteClone   Do = "DeleteClone"
	DeleteOrigin  Do = "DeleteOriginal"
	StripRoutes   Do = "StripRoutes" // nothing of ours is left in the routes
	MoveRoutes    Do = "MoveRoutes"  // the same, and the user's own name the grayscale version
	DropRules     Do = "DropRules"
	FreeClone     Do = "FreeClone"      // our labels go from it
	UpdateOrigin  Do = "UpdateOriginal" // the original gets the grayscale version's template
	RemoveIntent  Do = "RemoveIntent"   // from the original and its ReplicaSets
)

// Decision is what to do next. Do is in order, and the status is written only
// once all of it is done.
type Decision struct {
	Do       []Do
	Share    intent.Share // for SetRoutes and KeepRoutes
	Replicas int32        // for KeepClone
	Phase    Phase
	Mark     []Step        // steps to note in the status, once
	Unmark   []Step        // steps to forget
	Reason   string        // of condition Progressing
	Message  string        // what is waited for, a sentence; empty: nothing
	After    time.Duration // look again then; 0: an event will tell
	Ends     bool          // the claim is closed in this phase
}

func wait(phase Phase, after time.Duration, reason, message string, do ...Do) Decision {
	return Decision{Phase: phase, After: after, Reason: reason, Message: message, Do: do}
}

// Decide says what a running release does next.
func Decide(o Observation) Decision {
	switch {
	case o.finishing():
		return finishing(o)
	case o.Asked.Policy.End == intent.EndCancel:
		return cancelling(o)
	case o.Status.Phase == Cancelling:
		return takenBack(o)
	default:
		return running(o)
	}
}

// finishing says whether the release is past asking, or asked to finish and
// fit for it.
func (o Observation) finishing() bool {
	p := o.Asked.Policy
	begun := o.Status.Phase == Finishing
	switch {
	case !o.Origin.Exists || o.Origin.Leaving: // past return, by us or by someone else
		return begun || o.holdsAll() && o.Clone.Exists
	case begun && o.inPlace() && o.Origin.Updated: // past return, too
		return true
	case p.End == intent.EndCancel && o.overtaken():
		return true
	case p.End != intent.EndFinish || !o.asked().All() || o.undersized() || o.Asked.Managed != "":
		return false
	case o.inPlace() && o.Asked.Source != "" && !o.Origin.Updated:
		return false // the new template has to come first
	default:
		return begun || o.holdsAll() && o.Clone.Ready >= o.all()
	}
}

// overtaken says whether somebody has rolled the grayscale version out over the
// original: there is nothing left that a cancel could go back to.
func (o Observation) overtaken() bool {
	return o.inPlace() && o.Origin.Updated && o.Origin.Ready == 0 && o.Origin.Renewed > 0
}

func (o Observation) inPlace() bool { return o.Status.Finish == intent.InPlace }

// PastReturn says whether a release that finishes goes on whatever is asked: the
// original has been changed or deleted.
func (o Observation) PastReturn() bool {
	gone := !o.Origin.Exists || o.Origin.Leaving
	return o.Status.Phase == Finishing && (gone || o.inPlace() && o.Origin.Updated)
}

// holdsAll says whether every route gives the grayscale version everything.
func (o Observation) holdsAll() bool {
	return o.Routes.Ours > 0 && !o.Routes.Unpinned && o.Routes.Min == intent.Full
}
