package plugin

import (
	"cmp"
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
	// silent keeps the last line from the progress: it is printed as the result.
	silent bool
}

var (
	// untilReady: the grayscale version can take traffic.
	untilReady = goal{name: "Ready", reached: func(r view.Release) (bool, error) {
		switch r.Status.Phase {
		case release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished:
			return true, nil
		}
		return false, lost(r)
	}}
	// untilPolicy: what was asked is what the routes do.
	untilPolicy = goal{name: "its policy is delivered", reached: func(r view.Release) (bool, error) {
		s := r.Status
		if s.Phase == release.Finishing || s.Phase == release.Finished {
			return true, nil
		}
		return delivered(r) && (s.Phase == release.Ready || s.Phase == release.Routing || s.Phase == release.TakenOver), lost(r)
	}}
	// untilTakenOver: the grayscale version has all traffic.
	untilTakenOver = goal{name: "it has taken over", reached: func(r view.Release) (bool, error) {
		switch r.Status.Phase {
		case release.TakenOver:
			return delivered(r), nil
		case release.Finishing, release.Finished:
			return true, nil
		}
		return false, cmp.Or(lost(r), held(r, "takeover"))
	}}
	// untilOriginal: the original has all traffic, and the clone stays.
	untilOriginal = goal{name: "the original has all traffic", reached: func(r view.Release) (bool, error) {
		return r.Status.Phase == release.Ready && delivered(r), lost(r)
	}}
	// untilEnd: nothing of the release is left.
	untilEnd = goal{name: "it is over", reached: func(r view.Release) (bool, error) {
		if r.Status.Phase == release.Rejected {
			return false, lost(r)
		}
		return r.Ended, nil
	}}
	untilCancelled = endedAs(release.Cancelled)
	untilFinished  = goal{name: untilCancelled.name, reached: func(r view.Release) (bool, error) {
		done, err := endedAs(release.Finished).reached(r)
		return done, cmp.Or(err, held(r, "finish"))
	}}
)

// endedAs is over in that way, and no other.
func endedAs(phase release.Phase) goal {
	return goal{name: "it is over", reached: func(r view.Release) (bool, error) {
		if r.Ended && r.Status.Phase != phase {
			return false, fmt.Errorf("release %s ended as %s and not as %s", r.Name(), r.Status.Phase, phase)
		}
		return r.Ended, nil
	}}
}

// risk is what holds the verb that is asked for until the user accepts it;
// empty: nothing does.
func risk(r view.Release) intent.Risk {
	c := r.Status.Condition(release.Progressing)
	if r.Ended || c == nil || !r.Status.Is(release.Progressing) {
		return ""
	}
	switch c.Reason {
	case release.ReasonManaged:
		return intent.Managed
	case release.ReasonUndersized:
		return intent.Undersized
	case release.ReasonUnrouted:
		return intent.Unrouted
	}
	return ""
}

// held is the error of a verb that goes on only once the user accepts a risk. A
// status that can't be read anew may be older than an acceptance.
func held(r view.Release, verb string) error {
	risk := risk(r)
	if risk == "" || r.Stale != "" {
		return nil
	}
	return fmt.Errorf("release %s is held, and goes on once that is changed or accepted with %s %s --accept %s: %s",
		r.Name(), verb, r.Status.Task, risk, r.Status.Condition(release.Progressing).Message)
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
