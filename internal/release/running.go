package release

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	asked := o.asked()
	keep := func(after time.Duration, reason, message string) {
		d.Do, d.Share, d.After, d.Reason, d.Message = append(d.Do, KeepRoutes), asked, after, reason, message
	}
	set := func(s intent.Share) { d.Do, d.Share = append(d.Do, SetRoutes), s }
	switch {
	case !o.Clone.Exists && o.Routes.Serves() && o.Origin.Exists:
		set(intent.Share{}) // it is made again below, and the policy returns when it is ready
	case o.lost() && o.Strict != "" && o.Routes.Serves() && o.Origin.Ready > 0:
		set(intent.Share{}) // Envoy can't do it by itself
	case o.Routes.Within:
		set(asked)
	case o.Impostors != "" && !o.Routes.Serves():
		keep(0, ReasonPodLabels, o.Impostors)
	case o.undersized():
		keep(0, ReasonUndersized, o.tooFew())
	case !o.Status.Steps.Done(Step(Ready)):
		keep(0, "", "")
	case o.Clone.Ready < o.need(asked):
		keep(0, ReasonStarting, o.pods(o.need(asked)))
	case o.holding() > 0:
		keep(o.holding(), ReasonHolding, "the grayscale version was lost, and gets traffic again once it has stayed ready")
	default:
		set(asked)
	}
	if o.Asked.Policy.End == intent.EndFinish && d.Message == "" {
		d.Reason, d.Message = o.notFinishing(asked)
		if d.Reason == ReasonDraining {
			d.After = o.yet()
		}
	}
}

func (o Observation) notFinishing(asked intent.Share) (reason, message string) {
	switch {
	case !asked.All():
		return ReasonWaitingForTraffic, fmt.Sprintf("a release finishes when the grayscale version has all traffic, and %s %% is asked: take over first", asked.Weight)
	case o.undersized():
		return ReasonUndersized, o.tooFew()
	case o.Asked.Managed != "":
		return ReasonManaged, fmt.Sprintf("finishing deletes or moves what %s refers to or would bring back: let it go first, or accept it with accept: managed", o.Asked.Managed)
	case o.holdsAll() && o.inPlace() && o.Asked.Source != "" && o.yet() > 0:
		return ReasonDraining, "the original version serves its last requests"
	case o.holdsAll() && o.inPlace() && o.Asked.Source != "":
		return ReasonWaitingForSource, fmt.Sprintf("%s manages the original, so the change has to be made there: %s", o.Asked.Source, o.change())
	default:
		return ReasonWaitingForTraffic, "the release finishes as soon as the grayscale version has all traffic"
	}
}

// yet is how long a release that has taken over must still wait until nothing
// needs the original: until then its template may not change.
func (o Observation) yet() time.Duration {
	return o.left(o.Status.Steps.At(Step(TakenOver)), max(o.Drain, o.Propagation))
}

// change says what the original's pod template needs to be the grayscale
// version's.
func (o Observation) change() string {
	g := o.Status.Grayscale
	parts := []string{fmt.Sprintf("in the pod template of Deployment %s set", o.Status.Original.Name)}
	for _, key := range slices.Sorted(maps.Keys(o.Status.Original.Labels)) {
		parts = append(parts, fmt.Sprintf("label %s: %s,", key, g.Version))
	}
	for _, name := range slices.Sorted(maps.Keys(g.Images)) {
		parts = append(parts, fmt.Sprintf("image of %s: %s,", name, g.Images[name]))
	}
	if g.Patch != "" {
		parts = append(parts, "and what the annotation "+intent.KeyPatch+" patches,")
	}
	return strings.TrimSuffix(strings.Join(parts, " "), ",")
}

func (o Observation) tooFew() string {
	return fmt.Sprintf("holding all traffic needs %d replicas of the grayscale version, and %d are asked for: write replicas: auto, or accept: undersized", o.peak(), o.Asked.Policy.Replicas)
}

// pods says how far the grayscale version is from the count that it needs.
func (o Observation) pods(need int32) string {
	s := fmt.Sprintf("%d of %d pods of the grayscale version are ready", o.Clone.Ready, need)
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
	if c == nil || c.Reason != ReasonNoEndpoints || o.Routes.Serves() {
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
	if !o.Clone.Exists && o.Asked.Unrouted != "" {
		d.Reason, d.Message = ReasonUnrouted, "the clone is not made, for requests would reach it past the policy: "+o.Asked.Unrouted
		return
	}
	if !o.Clone.Exists && o.Impostors != "" {
		d.Reason, d.Message = ReasonPodLabels, o.Impostors
		return
	}
	d.Do = append(d.Do, KeepClone)
	d.Replicas = o.replicas()
	if d.Message == "" && o.Clone.Ready < d.Replicas && !o.Status.Steps.Done(Step(Ready)) {
		d.Reason, d.Message = ReasonStarting, o.pods(o.need(o.asked()))
	}
}

// replicas is the count for what is asked and for what is live. An autoscaler of
// the clone's own is left alone, but for the pods that must be ready before more
// traffic comes.
func (o Observation) replicas() int32 {
	need := max(o.need(o.asked()), o.need(o.live()))
	switch {
	case o.Clone.Scaler == "" || o.Clone.Replicas == 0:
		return need
	case o.Routes.Within:
		return o.Clone.Replicas
	default:
		return max(need, o.Clone.Replicas)
	}
}

// phase is where a release stands that is not ending.
func (o Observation) phase() Phase {
	steps := o.Status.Steps
	switch {
	case !steps.Done(StepPinned) && (o.Routes.Unpinned || !o.Clone.Exists):
		return o.pending()
	case !steps.Done(Step(Ready)) && o.Clone.Ready < o.need(o.asked()):
		return Starting
	case !steps.Done(Step(Ready)):
		return Ready
	case o.holdsAll():
		return TakenOver
	case o.Routes.Serves():
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
