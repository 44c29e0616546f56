package release

import "fmt"

// renewing finishes in place: the original takes the grayscale version's
// template while the clone holds the traffic. Its new pods carry the version's
// label, so they share the traffic as they become ready; when all are, they are
// preferred, and the clone goes without a request.
func renewing(o Observation) Decision {
	d := wait(Finishing, 0, ReasonDraining, "the original version serves its last requests", KeepRules, SetRoutes, AppendSubsets)
	d.Share = everything
	steps := o.Status.Steps
	if !steps.Done(StepYield) {
		d.Do, d.Replicas = append(d.Do, KeepClone), max(o.all(), o.Clone.Replicas)
	}
	switch left := o.draining(); {
	case !o.Origin.Updated && o.Origin.Leaving:
		d.Reason, d.Message = ReasonLeaving, "the original is being deleted: the clone takes its place"
	case !o.Origin.Updated && left > 0:
		d.After = left
	case !o.Origin.Updated && o.Clone.Ready < o.all():
		d.Reason, d.Message = ReasonStarting, o.pods(o.all())
	case !o.Origin.Updated && o.Twins != "":
		d.Reason, d.Message = ReasonPodLabels, o.Twins
	case !o.Origin.Updated && o.few():
		d.Reason, d.Message = ReasonUndersized, o.scaleUp()
	case !o.Origin.Updated && o.Origin.Paused:
		d.Reason, d.Message = ReasonPaused, o.paused()
	case !o.Origin.Updated:
		d.Reason, d.Message = ReasonRollingOut, "the original takes the grayscale version's template"
		d.Do = append(d.Do, UpdateOrigin)
	case steps.Done(StepYield):
		return yielding(o, d)
	case !o.Origin.RolledOut && o.Origin.Paused:
		d.Reason, d.Message = ReasonPaused, o.paused()
	case !o.Origin.RolledOut && o.Origin.Replicas > 0:
		d.Reason, d.Message = ReasonRollingOut, o.renewed()
	case !o.renewedAll():
		d.Reason, d.Message = ReasonUndersized, o.scaleUp()
	default:
		return Decision{Phase: Finishing, Mark: []Step{StepYield}, Do: []Do{KeepRules, SetRoutes, AppendSubsets}, Share: everything, Reason: ReasonDraining}
	}
	return d
}

// yielding lets the clone go once no proxy sends it a request any more.
func yielding(o Observation, d Decision) Decision {
	left := o.left(o.Status.Steps.At(StepYield), max(o.Drain, o.Propagation))
	switch {
	case o.Clone.Exists && !o.Clone.Leaving && !o.renewedAll():
		// Pods of the original were lost again: the clone is still needed.
		return Decision{Phase: Finishing, Unmark: []Step{StepYield}, Reason: ReasonRollingOut}
	case o.Clone.Exists && left > 0:
		d.After, d.Message = left, "the clone serves its last requests"
		return d
	case o.Clone.Exists || o.Clone.Endpoints > 0:
		d.Reason, d.Message = ReasonLeaving, "the pods of the clone are leaving"
		if o.Clone.Exists {
			d.Do = append(d.Do, DeleteClone)
		}
		return d
	}
	if d, waiting := o.dismantle(Finishing, AppendSubsets, MoveRoutes); waiting {
		return d
	}
	return Decision{Phase: Finished, Ends: true, Do: []Do{RemoveIntent}}
}

// few says whether the original was scaled down since, so that it could not hold
// what the clone holds: by an autoscaler, too, for idle it needs no pods.
func (o Observation) few() bool {
	return !o.Asked.Undersized && o.Origin.Replicas < o.all()
}

func (o Observation) scaleUp() string {
	how := fmt.Sprintf("kubectl scale deployment/%s --replicas=%d", o.Status.Original.Name, o.all())
	if o.Origin.Scaler != "" {
		how = fmt.Sprintf("let its autoscaler (%s) have at least %d until the release has ended", o.Origin.Scaler, o.all())
	}
	return fmt.Sprintf("the clone holds the traffic with %d pods, and the original has %d: %s, or accept: undersized", o.all(), o.Origin.Replicas, how)
}

func (o Observation) paused() string {
	return fmt.Sprintf("the roll-out of the original is paused: kubectl rollout resume deployment/%s", o.Status.Original.Name)
}

// renewed says how far the original's roll-out is.
func (o Observation) renewed() string {
	s := fmt.Sprintf("%d of %d pods of the original are of the grayscale version and ready", o.Origin.Renewed, o.Origin.Replicas)
	if o.Origin.Trouble != "" {
		s += " (" + o.Origin.Trouble + ")"
	}
	return s
}
