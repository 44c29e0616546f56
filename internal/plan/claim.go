package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// candidate is a Deployment that asks for a release of this Service.
type candidate struct {
	deployment *unstructured.Unstructured
	intent     intent.Intent
	spec       release.Spec
	faults     intent.Faults
}

// candidates finds the Deployments with an intent for this Service that is not
// spent, in the order of their names.
func (s Snapshot) candidates() []candidate {
	history := s.history()
	world := release.World{Services: s.services(), Workloads: s.workloads(), VersionLabel: s.Settings.VersionLabel}
	var out []candidate
	for _, d := range s.Deployments {
		if !intent.Starts(d.GetAnnotations()) || d.GetDeletionTimestamp() != nil || workload.IsClone(d) {
			continue
		}
		c := candidate{deployment: d}
		c.intent, c.faults = intent.Parse(d.GetAnnotations())
		if history.IsSpent(c.intent.Release, d.GetUID()) {
			continue
		}
		var faults intent.Faults
		c.spec, faults = release.Resolve(c.intent, release.WorkloadOf(d), world)
		c.faults = append(c.faults, faults...)
		if cmp.Or(c.spec.Service.Name, c.intent.Service) == s.Key.Name {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b candidate) int { return cmp.Compare(a.deployment.GetName(), b.deployment.GetName()) })
	return out
}

// claimNext lets the first fit candidate have the Service. The write carries
// the Service's resourceVersion, so the API server decides a race.
func claimNext(s Snapshot, now time.Time) Plan {
	p := Plan{}
	full := s.history().Room(s.standing()) <= 0
	for _, c := range s.candidates() {
		faults := c.faults
		if full { // nobody could tell who has lost
			faults = append(faults, intent.Fault{Kind: intent.Conflict, At: intent.KeyRelease, Value: c.intent.Release,
				Why:   fmt.Sprintf("can't start: %d Deployments still carry the intent of a release of Service %s that has ended or was rejected, and no more can be remembered", release.MostStanding, s.Key),
				Right: "remove annotation " + intent.KeyRelease + " from them"})
		}
		if len(faults) == 0 {
			faults = Refusals(s, c.spec)
		}
		if holder := s.runningElsewhere(c.intent.Release); holder != "" {
			faults = append(faults, intent.Fault{Kind: intent.Conflict, At: intent.KeyRelease, Value: c.intent.Release,
				Why: "is the name of a running release of Service " + holder, Right: "choose another name"})
		}
		if len(faults) > 0 {
			p.Refused = append(p.Refused, fmt.Sprintf("Deployment %s/%s: %s", s.Key.Namespace, c.deployment.GetName(), faults.Error()))
			p.Events = append(p.Events, Event{On: c.deployment, Warning: true, Reason: "Refused", Message: faults.Error()})
			continue
		}
		if p.Status == nil {
			p.Status = begun(s, c, now)
			p.Annotations = s.claimed(p.Status)
			p.Events = append(p.Events, on(Event{Reason: "Claimed", Message: fmt.Sprintf("release %s holds Service %s: %s to %s", p.Status.Task, s.Key, p.Status.Original.Version, p.Status.Grayscale.Version)}, s.Service, c.deployment)...)
		}
	}
	return p
}

// runningElsewhere gives the Service of the namespace that a release of that
// name holds, if it is another one than ours.
func (s Snapshot) runningElsewhere(task string) string {
	for _, u := range s.Services {
		if u.GetName() == s.Key.Name {
			continue
		}
		claim, err := release.Claim(u.GetAnnotations(), u.GetUID())
		if unreadable := release.UnreadableOf(err); unreadable != nil && unreadable.Task == task || claim != nil && claim.Task == task {
			return u.GetNamespace() + "/" + u.GetName()
		}
	}
	return ""
}

// begun is the claim of a release that starts now.
func begun(s Snapshot, c candidate, now time.Time) *release.Status {
	status := release.Begin(c.spec, now)
	status.Reach = release.ReachOf(reach(s))
	status.SetCondition(release.Progressing, true, release.ReasonPinning, release.Pending.Sentence(), now)
	return status
}

// reject notes in the history who asked for a Service that another release
// holds: spent, so that it never starts later by itself. The holder's own
// Deployment may ask for its next release while this one ends. Those that there is
// no room for stay what they are, and claimNext lets none of them start.
func reject(s Snapshot, claim *release.Status, now time.Time) Plan {
	p := Plan{}
	history, standing, lost := s.history(), s.standing(), false
	room := history.Room(standing)
	for _, c := range s.candidates() {
		if c.deployment.GetUID() == claim.Original.UID {
			continue
		}
		if room--; room < 0 {
			break
		}
		message := fmt.Sprintf("Service %s is held by release %s of Deployment %s/%s", s.Key, claim.Task, s.Key.Namespace, claim.Original.Name)
		history = history.With(release.Entry{
			Task: c.intent.Release, Form: c.intent.Form, Phase: release.Rejected, Original: c.deployment.GetName(), Clone: c.spec.Clone,
			From: c.spec.Versions.Original, To: c.spec.Versions.Grayscale, By: c.intent.By, Started: now, Ended: now, Message: message,
		}, c.deployment.GetUID(), standing)
		p.Events = append(p.Events, Event{On: c.deployment, Warning: true, Reason: string(release.Rejected), Message: "release " + c.intent.Release + " can't start: " + message})
		lost = true
	}
	if lost {
		value := history.String(len(s.Service.GetAnnotations()[intent.AnnotationStatus]))
		p.Annotations = map[string]*string{intent.AnnotationHistory: &value}
	}
	return p
}

// history reads the Service's; an unreadable one is as good as none, for it
// holds nothing that a running release rests on.
func (s Snapshot) history() release.History {
	h, err := release.ParseHistory(s.Service.GetAnnotations()[intent.AnnotationHistory])
	if err != nil {
		return release.History{Schema: release.Schema}
	}
	return h
}

// claimed is what to write for a status: it, and where the history left it no
// room, as much of that as fits beside it. The claim never gives way, for what runs
// rests on it.
func (s Snapshot) claimed(status *release.Status) map[string]*string {
	text := status.Annotation()
	out := map[string]*string{intent.AnnotationStatus: &text}
	if past := s.Service.GetAnnotations()[intent.AnnotationHistory]; len(past)+len(text) > release.MostBytes {
		shorter := s.history().String(len(text))
		out[intent.AnnotationHistory] = &shorter
	}
	return out
}

// closing ends the claim: the status goes, the history keeps what it was.
func closing(s Snapshot, status *release.Status, now time.Time) map[string]*string {
	status.Ended = &now
	value := s.history().With(status.Entry(), status.Original.UID, s.standing()).String(0)
	return map[string]*string{intent.AnnotationStatus: nil, intent.AnnotationHistory: &value}
}

// standing are the pairs of the Deployments that ask for a release, of whatever
// Service.
func (s Snapshot) standing() map[string]bool {
	out := map[string]bool{}
	for _, d := range s.Deployments {
		if task, asks := d.GetAnnotations()[intent.KeyRelease]; asks {
			out[release.Pair(task, d.GetUID())] = true
		}
	}
	return out
}
