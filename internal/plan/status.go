package plan

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// status gives the release as it stands, with the decision's phase and steps.
func (v view) status(d release.Decision, p *Plan) *release.Status {
	o, s := v.observation, v.claim.DeepCopy()
	s.Policy = o.Asked.Policy
	s.Strictly(v.rules.StrictWhy)
	s.Intent, s.Reach = v.written, v.reach
	s.Peak = max(s.Peak, o.Origin.Replicas)
	s.Original.Ready, s.Original.Replicas = o.Origin.Ready, o.Origin.Replicas
	s.Grayscale.Ready, s.Grayscale.Replicas = o.Clone.Ready, o.Clone.Replicas
	if v.clone != nil && v.clone.GetUID() != s.Grayscale.UID {
		s.Grayscale.UID, s.Grayscale.Template = v.clone.GetUID(), release.WorkloadOf(v.clone).TemplateHash
		if template := v.clonedFrom(); template != "" {
			s.Original.Template = template
		}
	}
	s.SeeLive(nil)
	if o.Routes.Ours > 0 {
		s.SeeLive(&release.Live{Weight: o.Routes.Min, Most: o.Routes.Max, Routes: o.Routes.Ours, Content: o.Routes.Content, Match: v.liveRules(), Mirror: o.Routes.Mirror})
	}
	if v.intent != nil && v.intent.By != "" {
		s.By = v.intent.By
	}
	v.mark(s, d)
	v.conditions(s, d, p)
	return s
}

// clonedFrom is the hash of the original's pod template where the clone was made
// from it as it is now; else empty.
func (v view) clonedFrom() string {
	if v.original == nil || !workload.ClonedFrom(v.clone, v.original, v.claim) {
		return ""
	}
	return release.WorkloadOf(v.original).TemplateHash
}

// mark notes phase and steps. A phase that is entered anew counts from then.
func (v view) mark(s *release.Status, d release.Decision) {
	if s.Steps == nil {
		s.Steps = release.Steps{}
	}
	if s.Phase != d.Phase {
		s.Leave(d.Phase)
		s.Phase = d.Phase
		s.Steps[release.Step(d.Phase)] = v.now
	}
	for _, step := range d.Unmark {
		delete(s.Steps, step)
	}
	for _, step := range d.Mark {
		s.Steps[step] = v.now
	}
	switch {
	case !v.tooLate:
		delete(s.Steps, release.StepTooLate)
	case !s.Steps.Done(release.StepTooLate):
		s.Steps[release.StepTooLate] = v.now
	}
}

func (v view) conditions(s *release.Status, d release.Decision, p *Plan) {
	o := v.observation
	message := d.Message
	if message == "" || strings.HasPrefix(p.Holds, message+"; ") { // and which rule that is
		message = p.Holds
	}
	moving := message != "" || len(p.Changes) > 0
	reason := d.Reason
	switch {
	case !moving:
		reason = release.ReasonSettled
	case reason == "" || reason == release.ReasonSettled:
		reason = release.ReasonShifting
	}
	p.Holds = message
	s.SetCondition(release.Progressing, moving, reason, cmp.Or(message, s.Phase.Sentence()), v.now)

	need := release.Replicas(intent.Share{Weight: o.Routes.Max, Mirror: o.Routes.Mirror}, s.Form, o.Asked.Policy.Replicas, s.Peak)
	if o.Clone.Scaler != "" {
		need = min(need, o.Clone.Replicas) // its autoscaler knows better
	}
	pods := o.Clone.Ready + o.Origin.Renewed
	ready, why := pods >= need, release.ReasonPodsReady
	if !ready {
		why = release.ReasonPodsNotReady
	}
	s.SetCondition(release.PodsReady, ready, why, fmt.Sprintf("%d of %d pods are ready", pods, need), v.now)

	late := v.lateOnes()
	routed := !o.Routes.Unpinned && o.Routes.Delivered && !v.overruled && (late == "" || v.share.None())
	why = release.ReasonDelivered
	if !routed {
		why = release.ReasonUndelivered
	}
	s.SetCondition(release.Routed, routed, why, fmt.Sprintf("%s asked, %s live", describe(v.share), describe(intent.Share{Weight: o.Routes.Min, Match: v.liveRules(), Mirror: o.Routes.Mirror})), v.now)

	bad, why, message := v.degraded(s, d, p)
	s.SetCondition(release.Degraded, bad, why, message, v.now)
	changed := v.intent != nil && !o.Origin.Updated && release.WorkloadOf(v.original).TemplateHash != s.Original.Template
	if changed || s.Condition(release.OriginalChanged) != nil {
		why, message := release.ReasonTemplateChanged, "the original's pod template is not the one that was cloned"
		if !changed {
			why, message = release.ReasonAsExpected, "the original's pod template is the one that was cloned"
		}
		s.SetCondition(release.OriginalChanged, changed, why, message, v.now)
	}
}

// liveRules are the rules that some live route says, each once.
func (v view) liveRules() []content.Rule {
	var out []content.Rule
	for _, r := range v.routes {
		for _, rule := range r.live.Match {
			if !slices.ContainsFunc(out, func(have content.Rule) bool { return reflect.DeepEqual(have, rule) }) {
				out = append(out, rule)
			}
		}
	}
	return out
}

// degraded gives the gravest thing that is wrong.
func (v view) degraded(s *release.Status, d release.Decision, p *Plan) (bool, string, string) {
	o := v.observation
	begun := s.Steps.Done(release.Step(release.Ready))
	switch {
	case p.Fought != "":
		return true, release.ReasonFought, p.Fought
	case o.Clone.Exists && o.Routes.Unpinned && !s.Phase.Ending():
		return true, release.ReasonUnpinned, "a route has lost its pin, and may send requests to the grayscale version that the policy does not"
	case v.taken != "":
		return true, release.ReasonNameTaken, v.taken
	case len(v.faults) > 0:
		return true, release.ReasonRefused, strings.Join(v.faults, "; ")
	case len(p.Refused) > 0:
		return true, release.ReasonRefused, strings.Join(p.Refused, "; ")
	case !o.Origin.Exists && s.Phase != release.Finishing && s.Phase != release.Finished:
		return true, release.ReasonOriginalGone, fmt.Sprintf("Deployment %s/%s is gone; make it again without its intent to cancel, or route everything to the grayscale version", v.Key.Namespace, s.Original.Name)
	case s.Phase == release.Finishing && o.Origin.Updated && o.Origin.Trouble != "":
		return true, release.ReasonPodsFailing, "a pod of the original with the grayscale version's template fails, and the clone keeps the traffic: " + o.Origin.Trouble
	case v.overruled && s.Phase != release.Finishing:
		return true, release.ReasonNoWayBack, "the original is the grayscale version by now, so there is nothing that traffic could go back to: finish, or release the old version anew"
	case s.Phase == release.Finishing && (d.Reason == release.ReasonUndersized || d.Reason == release.ReasonPaused):
		return true, d.Reason, d.Message
	case s.Phase == release.Finishing && o.Twins != "":
		return true, release.ReasonPodLabels, o.Twins
	case s.Phase.Ending() || s.Phase.Ended():
		return false, release.ReasonAsExpected, "all is well"
	case begun && o.Clone.Ready == 0:
		return true, release.ReasonNoEndpoints, v.noEndpoints(o)
	case begun && o.Routes.Max < intent.Full && o.Origin.Ready == 0:
		return true, release.ReasonOriginalEmpty, "the original version has no ready endpoint; taking over is one command: kubectl grayscale takeover " + s.Task
	case o.Clone.Trouble != "":
		return true, release.ReasonPodsFailing, "a pod of the grayscale version fails: " + o.Clone.Trouble
	case v.lateOnes() != "" && !v.share.None():
		return true, release.ReasonLateRoute, v.lateOnes()
	case sentences(v.strays(), o.Twins) != "":
		return true, release.ReasonPodLabels, sentences(v.strays(), o.Twins)
	case v.holdingFor() > 0:
		p.sooner(time.Duration(v.holdingFor())) // no event tells when it has stayed ready for so long
		return true, release.ReasonNoEndpoints, "the grayscale version is back, and gets traffic again once it has stayed ready"
	case o.Asked.Unrouted != "":
		return true, release.ReasonUnrouted, "there is another way to the pods than the routes: " + o.Asked.Unrouted
	case d.Reason == release.ReasonUndersized || d.Reason == release.ReasonManaged:
		return true, d.Reason, d.Message // a verb is held back
	default:
		return false, release.ReasonAsExpected, "all is well"
	}
}

func (v view) noEndpoints(o release.Observation) string {
	s := "the grayscale version has no ready endpoint"
	if o.Clone.Trouble != "" {
		s += " (" + o.Clone.Trouble + ")"
	}
	switch {
	case !o.Routes.Serves():
		return s
	case v.rules.StrictWhy != "":
		return s + "; its traffic goes to the original version until it has stayed ready"
	default:
		return s + "; Envoy sends its share to the original version until one is back"
	}
}

func (v view) holdingFor() int64 {
	o := v.observation
	c := v.claim.Condition(release.Degraded)
	if c == nil || c.Reason != release.ReasonNoEndpoints || o.Routes.Serves() {
		return 0
	}
	return int64(o.Clone.ReadySince.Add(o.Hold).Sub(v.now))
}

// differs says whether a status is worth a write: a phase, a step, what is
// live, or the truth of a condition. Counts and sentences go along with those,
// for a write for each pod would be a write for each pod.
func differs(before, after *release.Status) bool {
	lasting := func(s *release.Status) any {
		type truth struct{ status, reason string }
		truths := map[string]truth{}
		for _, kind := range []string{release.PodsReady, release.Degraded, release.OriginalChanged} {
			switch c := s.Condition(kind); {
			case !s.Is(kind): // or not known yet, which is no news
			case kind == release.PodsReady && s.Phase.Ending(): // the loser's pods leave
			case kind == release.PodsReady:
				truths[kind] = truth{status: string(c.Status)}
			default:
				truths[kind] = truth{string(c.Status), c.Reason}
			}
		}
		if waitsForSource(s) { // somebody has to read what to commit
			truths[release.Progressing] = truth{reason: release.ReasonWaitingForSource}
		}
		live := release.Live{}
		if s.Live != nil {
			live = *s.Live
		}
		strict := s.Strict
		if s.Phase == release.Pending {
			strict = "" // nothing rests on it yet, and the next phase tells it
		}
		return []any{s.Phase, s.Steps, live, s.Peak, strict, truths}
	}
	// What an intent reaches must be known before anything else appears; see Denied.
	return before.Intent != after.Intent || !reflect.DeepEqual(lasting(before), lasting(after))
}

// waitsForSource says whether the release waits for a change that Git, or whoever
// manages the original, has to make.
func waitsForSource(s *release.Status) bool {
	c := s.Condition(release.Progressing)
	return c != nil && c.Reason == release.ReasonWaitingForSource
}
