package plugin

import (
	"fmt"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// goal is a state of a release to wait for. reached says whether it is there;
// an error is that it never will be.
type goal struct {
	name    string
	reached func(view.Release) (bool, error)
}

var (
	// untilReady: the grayscale version can take traffic.
	untilReady = goal{"Ready", func(r view.Release) (bool, error) {
		switch r.Status.Phase {
		case release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished:
			return true, nil
		}
		return false, lost(r)
	}}
	// untilPolicy: what was asked is what the routes do.
	untilPolicy = goal{"its policy is delivered", func(r view.Release) (bool, error) {
		s := r.Status
		if s.Phase == release.Finishing || s.Phase == release.Finished {
			return true, nil
		}
		return delivered(r) && (s.Phase == release.Ready || s.Phase == release.Routing || s.Phase == release.TakenOver), lost(r)
	}}
	// untilTakenOver: the grayscale version has all traffic.
	untilTakenOver = goal{"it has taken over", func(r view.Release) (bool, error) {
		switch r.Status.Phase {
		case release.TakenOver:
			return delivered(r), nil
		case release.Finishing, release.Finished:
			return true, nil
		}
		return false, lost(r)
	}}
	// untilOriginal: the original has all traffic, and the clone stays.
	untilOriginal = goal{"the original has all traffic", func(r view.Release) (bool, error) {
		return r.Status.Phase == release.Ready && delivered(r), lost(r)
	}}
	// untilEnd: nothing of the release is left.
	untilEnd = goal{"it is over", func(r view.Release) (bool, error) {
		if r.Status.Phase == release.Rejected {
			return false, lost(r)
		}
		return r.Ended, nil
	}}
	untilFinished  = endedAs(release.Finished)
	untilCancelled = endedAs(release.Cancelled)
)

// endedAs is over in that way, and no other.
func endedAs(phase release.Phase) goal {
	return goal{"it is over", func(r view.Release) (bool, error) {
		if r.Ended && r.Status.Phase != phase {
			return false, fmt.Errorf("release %s ended as %s and not as %s", r.Name(), r.Status.Phase, phase)
		}
		return r.Ended, nil
	}}
}

// delivered says whether the routes, as read back, are what the annotations
// now ask for, with any propagation over.
func delivered(r view.Release) bool {
	return r.Current && r.Status.Is(release.Routed) && !r.Status.Is(release.Progressing)
}

// lost is the error of a release that goes another way than forward.
func lost(r view.Release) error {
	switch s := r.Status; {
	case s.Phase == release.Rejected, s.Phase == release.Cancelled, s.Phase == release.Cancelling:
		return fmt.Errorf("release %s is %s: %s", r.Name(), s.Phase, over(s))
	case s.Policy.End == intent.EndCancel:
		return fmt.Errorf("release %s is being cancelled", r.Name())
	case len(r.Refused) > 0 && !r.Claimed:
		return fmt.Errorf("release %s can't start:\n%s", r.Name(), bullets(r.Refused[0]))
	}
	return nil
}
