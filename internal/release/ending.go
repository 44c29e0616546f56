package release

import (
	"time"
)

// cancelling takes everything back: traffic first, then the clone, then the
// routes, then the rules, each only when nobody can still need it.
func cancelling(o Observation) Decision {
	if o.Routes.Serves() {
		return Decision{Phase: Cancelling, Do: []Do{KeepRules, SetRoutes}, Reason: ReasonShifting, Message: "all traffic goes to the original version"}
	}
	steps := o.Status.Steps
	served := steps.Done(Step(Ready)) // before that no request ever went there
	switch {
	case served && !steps.Done(StepDrain), served && o.Status.Phase != Cancelling:
		return Decision{Phase: Cancelling, Mark: []Step{StepDrain}, Reason: ReasonDraining}
	case o.Status.Phase != Cancelling:
		return Decision{Phase: Cancelling, Reason: ReasonDraining}
	}
	if o.Clone.Exists {
		left := o.draining()
		if steps.Done(StepDrain) && left > 0 {
			return wait(Cancelling, left, ReasonDraining, "the grayscale version serves its last requests", KeepRules, KeepRoutes)
		}
		return wait(Cancelling, 0, ReasonLeaving, "the pods of the grayscale version are leaving", KeepRules, KeepRoutes, DeleteClone)
	}
	if o.Clone.Endpoints > 0 {
		return wait(Cancelling, 0, ReasonLeaving, "the pods of the grayscale version are leaving", KeepRules, KeepRoutes)
	}
	if d, waiting := o.dismantle(Cancelling, StripRoutes); waiting {
		return d
	}
	return Decision{Phase: Cancelled, Ends: true, Do: []Do{RemoveIntent}}
}

// takenBack goes on with a release whose cancel was taken back. Its steps are
// forgotten before anything is done, for each of them lets something else be
// done at once: without a clone it begins anew, pins and propagation delay too.
func takenBack(o Observation) Decision {
	if !o.Clone.Exists {
		return Decision{Phase: Pending, Reason: ReasonPinning}
	}
	return Decision{Phase: o.phase(), Reason: ReasonShifting}
}

// draining is how long the loser must still be there: until its last requests
// are served, and no proxy sends it another one.
func (o Observation) draining() time.Duration {
	return o.left(o.Status.Steps.At(StepDrain), max(o.Drain, o.Propagation))
}

// finishing lets the original go, and gives its place to the clone.
func finishing(o Observation) Decision {
	if o.Status.Phase != Finishing {
		return Decision{Phase: Finishing, Mark: []Step{StepDrain}, Reason: ReasonDraining}
	}
	if o.Origin.Exists && !o.Origin.Leaving && !o.PastReturn() && !o.holdsAll() {
		// A route was lost: the drain begins anew once all hold everything again.
		return Decision{Phase: o.phase(), Reason: ReasonShifting}
	}
	if o.Origin.Exists && o.inPlace() {
		return renewing(o)
	}
	if o.Origin.Exists {
		d := wait(Finishing, 0, ReasonDraining, "the original version serves its last requests", KeepRules, SetRoutes, KeepClone, AppendSubsets)
		d.Share, d.Replicas = everything, max(o.all(), o.Clone.Replicas)
		if left := o.draining(); left > 0 {
			d.After = left
			return d
		}
		if o.Clone.Ready < o.all() {
			d.Reason, d.Message = ReasonStarting, o.pods(o.all())
			return d
		}
		if o.Twins != "" {
			d.Reason, d.Message = ReasonPodLabels, o.Twins
			return d
		}
		d.Reason, d.Message = ReasonLeaving, "the pods of the original version are leaving"
		d.Do = append(d.Do, DeleteOrigin)
		return d
	}
	if o.Origin.Endpoints > 0 {
		d := wait(Finishing, 0, ReasonLeaving, "the pods of the original version are leaving", KeepRules, SetRoutes, AppendSubsets)
		d.Share = everything
		return d
	}
	if d, waiting := o.dismantle(Finishing, AppendSubsets, MoveRoutes); waiting {
		return d
	}
	if o.Clone.Labelled {
		return Decision{Phase: Finishing, Do: []Do{FreeClone}, Reason: ReasonStripping}
	}
	return Decision{Phase: Finished, Ends: true}
}

// dismantle takes our routes away once the loser's pods are gone everywhere,
// and our rules once the routes are. waiting is false when all of it is done.
func (o Observation) dismantle(phase Phase, strip ...Do) (d Decision, waiting bool) {
	steps := o.Status.Steps
	reached := steps.Done(StepPinned) || steps.Done(Step(Starting)) // only then could a clone have been made
	if o.Routes.Ours > 0 || phase == Finishing && o.Routes.ToMove > 0 {
		left := o.left(steps.At(StepGone), o.Propagation)
		switch {
		case steps.Done(StepStripped) && o.Routes.Near:
			// One is back, or was seen late: proxies have to forget it anew. Whoever brings
			// one back elsewhere, every second maybe, must not keep a release from its end.
			return Decision{Phase: phase, Unmark: []Step{StepStripped}, Reason: ReasonPropagating}, true
		case reached && phase == Finishing && o.Routes.ToAppend > 0 && steps.Done(StepGone):
			// Every proxy must know a subset before a route names it: somebody has
			// taken one away that was there.
			return Decision{Phase: phase, Unmark: []Step{StepGone}, Reason: ReasonPropagating}, true
		case reached && phase == Finishing && o.Routes.ToAppend > 0:
			return o.holdFast(phase, 0), true
		case reached && !steps.Done(StepGone):
			return Decision{Phase: phase, Mark: []Step{StepGone}, Reason: ReasonPropagating}, true
		case reached && left > 0:
			return o.holdFast(phase, left), true
		}
		return wait(phase, 0, ReasonStripping, "our routes are being taken away", strip...), true
	}
	if !o.Rules {
		return d, false
	}
	switch {
	case !steps.Done(StepStripped):
		return Decision{Phase: phase, Mark: []Step{StepStripped}, Reason: ReasonPropagating}, true
	case o.left(steps.At(StepStripped), o.Propagation) > 0:
		return wait(phase, o.left(steps.At(StepStripped), o.Propagation), ReasonPropagating, "every proxy must have forgotten our routes before their subsets go"), true
	}
	return wait(phase, 0, ReasonStripping, "our rules are being taken away", DropRules), true
}

// holdFast keeps the routes as they are, whoever writes over them, until every
// proxy knows that the loser's pods are gone.
func (o Observation) holdFast(phase Phase, after time.Duration) Decision {
	d := wait(phase, after, ReasonPropagating, "every proxy must know that the pods are gone before the routes are taken away", KeepRules)
	if phase == Finishing {
		d.Do, d.Share = append(d.Do, SetRoutes, AppendSubsets), everything
	} else {
		d.Do = append(d.Do, KeepRoutes)
	}
	return d
}
