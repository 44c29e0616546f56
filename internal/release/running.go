package release

import (
	"fmt"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// running brings the routes to the policy that is asked: pins before the clone,
// ready pods before traffic, and traffic away from a version at once.
func running(o Observation) Decision {
	d := Decision{Do: []Do{KeepRules}, Phase: o.phase()}
	o.routes(&d)
	o.clone(&d)
	if d.Reason == "" {
		d.Reason = ReasonSettled
	}
	return d
}

// routes decides on the shares.
func (o Observation) routes(d *Decision) {
	asked := o.Asked.Policy.Asked()
	keep := func(after time.Duration, reason, message string) {
		d.Do, d.After, d.Reason, d.Message = append(d.Do, KeepRoutes), after, reason, message
	}
	set := func(w intent.Weight) { d.Do, d.Weight = append(d.Do, SetRoutes), w }
	switch {
	case !o.Clone.Exists && o.Routes.Max > 0 && o.Origin.Exists:
		set(0) // it is made again below, and the policy returns when it is ready
	case o.lost() && o.Status.Strict != "" && o.Routes.Max > 0 && o.Origin.Ready > 0:
		set(0) // Envoy can't do it by itself
	case asked > o.Routes.Min && o.undersized():
		keep(0, ReasonUndersized, o.tooFew())
	case asked <= o.Routes.Min:
		set(asked)
	case !o.Status.Steps.Done(Step(Ready)):
		keep(0, "", "")
	case o.Clone.Ready < o.need(asked):
		keep(0, ReasonStarting, o.pods(asked))
	case o.holding() > 0:
		keep(o.holding(), ReasonHolding, "the grayscale version was lost, and gets traffic again once it has stayed ready")
	default:
		set(asked)
	}
	if o.Asked.Policy.End == intent.EndFinish && d.Message == "" {
		d.Reason, d.Message = o.notFinishing(asked)
	}
}

func (o Observation) notFinishing(asked intent.Weight) (reason, message string) {
	switch {
	case asked != intent.Full:
		return ReasonWaitingForTraffic, fmt.Sprintf("a release finishes when the grayscale version has all traffic, and %s %% is asked: take over first", asked)
	case o.undersized():
		return ReasonUndersized, o.tooFew()
	case o.Asked.Managed != "":
		return ReasonManaged, fmt.Sprintf("finishing by replace deletes the original, which %s would not have (accept: managed is not supported by this version)", o.Asked.Managed)
	default:
		return ReasonWaitingForTraffic, "the release finishes as soon as the grayscale version has all traffic"
	}
}

func (o Observation) tooFew() string {
	return fmt.Sprintf("holding all traffic needs %d replicas of the grayscale version, and %d are asked for: write replicas: auto, or accept: undersized", o.peak(), o.Asked.Policy.Replicas)
}

// pods says how far the grayscale version is from what a share needs.
func (o Observation) pods(share intent.Weight) string {
	s := fmt.Sprintf("%d of %d pods of the grayscale version are ready", o.Clone.Ready, o.need(share))
	if o.Clone.Trouble != "" {
		s += " (" + o.Clone.Trouble + ")"
	}
	return s
}

// lost says whether the grayscale version has no endpoint that takes requests.
func (o Observation) lost() bool { return o.Clone.Ready == 0 }

// holding is how long a version that was lost must still stay ready.
func (o Observation) holding() time.Duration {
	c := o.Status.Condition(Degraded)
	if c == nil || c.Reason != ReasonNoEndpoints || o.Routes.Max > 0 {
		return 0
	}
	return o.left(o.Clone.ReadySince, o.Hold)
}

// clone decides on the clone: it is made once nothing can reach it, and has the
// pods for what is asked and for what is live.
func (o Observation) clone(d *Decision) {
	if !o.Clone.Exists {
		switch {
		case o.Routes.Unpinned:
			d.Reason, d.Message = ReasonPinning, "the routes are being pinned to the original version"
			return
		case !o.Status.Steps.Done(StepPinned):
			d.Mark = append(d.Mark, StepPinned)
			return
		}
		if left := o.left(o.Status.Steps.At(StepPinned), o.Propagation); o.Routes.NeedPins && left > 0 {
			d.After, d.Reason, d.Message = left, ReasonPropagating, "every proxy must know the pinned routes before the clone is made"
			return
		}
	}
	if !o.Origin.Exists && !o.Clone.Exists {
		return // nothing to clone
	}
	d.Do = append(d.Do, KeepClone)
	d.Replicas = max(o.need(o.Asked.Policy.Asked()), o.need(o.Routes.Max))
	if d.Message == "" && o.Clone.Ready < d.Replicas && !o.Status.Steps.Done(Step(Ready)) {
		d.Reason, d.Message = ReasonStarting, o.pods(o.Asked.Policy.Asked())
	}
}

// phase is where a release stands that is not ending.
func (o Observation) phase() Phase {
	steps := o.Status.Steps
	switch {
	case !steps.Done(StepPinned) && (o.Routes.Unpinned || !o.Clone.Exists):
		return o.pending()
	case !steps.Done(Step(Ready)) && o.Clone.Ready < o.need(o.Asked.Policy.Asked()):
		return Starting
	case !steps.Done(Step(Ready)):
		return Ready
	case o.holdsAll():
		return TakenOver
	case o.Routes.Max > 0:
		return Routing
	default:
		return Ready
	}
}

// pending is left by the write that notes the pins.
func (o Observation) pending() Phase {
	if o.Routes.Unpinned {
		return Pending
	}
	return Starting
}
