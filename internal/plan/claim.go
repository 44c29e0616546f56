package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
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
		if !intent.Starts(d.GetAnnotations()) || d.GetDeletionTimestamp() != nil || isClone(d) {
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

func isClone(d *unstructured.Unstructured) bool {
	_, ok := d.GetLabels()[intent.LabelTask]
	return ok
}

// claimNext lets the first fit candidate have the Service. The write carries
// the Service's resourceVersion, so the API server decides a race.
func claimNext(s Snapshot, now time.Time) Plan {
	p := Plan{}
	for _, c := range s.candidates() {
		faults := c.faults
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
			p.Annotations = map[string]*string{statusKey: written(p.Status)}
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
	o, labels := c.spec.Original, map[string]string{}
	for _, key := range c.spec.Versions.VersionLabels {
		labels[key] = o.Template[key]
	}
	status := &release.Status{
		Schema: release.Schema, Task: c.intent.Release, Form: c.intent.Form, Phase: release.Pending, Finish: c.spec.Finish,
		Service: release.Ref{Name: s.Key.Name, UID: s.Service.GetUID()},
		Clone:   c.spec.Clone, Label: c.spec.Versions.Label,
		Original:  release.Version{Name: o.Name, UID: o.UID, Version: c.spec.Versions.Original, Images: o.Images, Replicas: o.Replicas, Template: o.TemplateHash, Labels: labels},
		Grayscale: release.Version{Name: c.spec.Clone, Version: c.spec.Versions.Grayscale, Images: c.spec.Images, Patch: c.intent.Patch},
		Policy:    release.PolicyOf(c.intent),
		Intent:    release.Written(o.Annotations), Reach: Reach(s),
		Peak: o.Replicas, Started: now, By: c.intent.By, Steps: release.Steps{release.Step(release.Pending): now},
	}
	status.SetCondition(release.Progressing, true, release.ReasonPinning, release.Pending.Sentence(), now)
	return status
}

// reject notes in the history who asked for a Service that another release
// holds: spent, so that it never starts later by itself. The holder's own
// Deployment may ask for its next release while this one ends.
func reject(s Snapshot, claim *release.Status, now time.Time) Plan {
	p := Plan{}
	history, lost := s.history(), false
	for _, c := range s.candidates() {
		if c.deployment.GetUID() == claim.Original.UID {
			continue
		}
		message := fmt.Sprintf("Service %s is held by release %s of Deployment %s/%s", s.Key, claim.Task, s.Key.Namespace, claim.Original.Name)
		history = history.With(release.Entry{
			Task: c.intent.Release, Form: c.intent.Form, Phase: release.Rejected, Original: c.deployment.GetName(), Clone: c.spec.Clone,
			From: c.spec.Versions.Original, To: c.spec.Versions.Grayscale, By: c.intent.By, Started: now, Ended: now, Message: message,
		}, c.deployment.GetUID())
		p.Events = append(p.Events, Event{On: c.deployment, Warning: true, Reason: string(release.Rejected), Message: "release " + c.intent.Release + " can't start: " + message})
		lost = true
	}
	if lost {
		value := history.String(len(s.Service.GetAnnotations()[statusKey]))
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

// closing ends the claim: the status goes, the history keeps what it was.
func closing(s Snapshot, status *release.Status, now time.Time) map[string]*string {
	status.Ended = &now
	value := s.history().With(status.Entry(), status.Original.UID).String(0)
	return map[string]*string{statusKey: nil, intent.AnnotationHistory: &value}
}
