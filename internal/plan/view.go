package plan

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// view is a snapshot with the running release's own things found in it.
type view struct {
	Snapshot
	now             time.Time
	claim           *release.Status
	original, clone *unstructured.Unstructured // nil: there is none
	intent          *intent.Intent             // nil: cancelled by removal
	faults          []string                   // what can't be done, in sentences
	tooLate         bool                       // a cancel is asked, and there is no way back
	overruled       bool                       // traffic is asked back, and there is nothing that it could go to
	taken           string                     // that somebody else's Deployment has the clone's name
	versions        release.Versions
	strange         strangers
	share           intent.Share  // that is asked for
	reach           release.Reach // the VirtualServices of other namespaces that the intent moves
	pins            bool          // what it does not reach is pinned
	written         string        // the intent, as a hash
	rules           route.RulesResult
	routes          []routing
	observation     release.Observation
}

// look finds everything and makes the observation. An original that was made anew
// is another Deployment by that name: where the release ends without an original,
// nothing may be routed to it, and it is nobody that we may delete; else it ends
// the release as a cancel does, and takes the original's place.
func look(s Snapshot, claim *release.Status, now time.Time) view {
	there := s.deployment(claim.Original.Name)
	if there == nil || there.GetUID() == claim.Original.UID {
		return lookAt(s, claim, there, now)
	}
	v := lookAt(s, claim, nil, now)
	if claim.Phase == release.Finishing || release.Decide(v.observation).Phase == release.Finishing {
		v.faults = append(v.faults, fmt.Sprintf("Deployment %s/%s was made anew while the grayscale version has all traffic, and holds the end up: delete it", there.GetNamespace(), there.GetName()))
		return v
	}
	return lookAt(s, claim, there, now)
}

// lookAt does that with what stands in the original's place.
func lookAt(s Snapshot, claim *release.Status, original *unstructured.Unstructured, now time.Time) view {
	v := view{Snapshot: s, now: now, claim: claim, original: original}
	v.clone = v.theClone()
	v.versions = claim.Versions(v.template(), v.others())
	asked := v.asked()
	v.share = asked.Policy.Asked(claim.Form)
	in := s.rulesInput(v.versions)
	in.Mirror, in.Prefer, in.LetGo = v.share.Mirror > 0, v.preferred(), claim.Phase == release.Cancelling && v.relabelled()
	result, faults := v.ruled(in)
	v.rules = result
	v.written, v.reach = v.reached()
	v.pins = v.pinnable()
	for _, f := range faults {
		if claim.Phase != release.Finishing { // then the user's routes name the version that stays
			v.faults = append(v.faults, f.Error())
		}
	}
	v.routes = v.routings()
	v.faults = append(v.faults, v.connections()...)
	v.faults = append(v.faults, v.unsaid()...)
	v.observation = v.observe(asked)
	return v
}

// ruled decides on the rules. What has a further version without a Deployment is one
// more version to those whose routes all name a subset; else pins cut it off.
func (v *view) ruled(in route.RulesInput) (route.RulesResult, intent.Faults) {
	v.strange = v.strangers(v.claim)
	result, faults := route.Rules(in)
	if len(v.strange.others) == 0 {
		return result, faults
	}
	for _, target := range result.Subsets {
		if !target.Pinned {
			v.strange.versionless = append(v.strange.versionless, v.strange.others...)
			return result, faults
		}
	}
	v.versions = v.versions.With(v.strange.versions()...)
	in.Versions = v.versions
	return route.Rules(in)
}

// rulesInput is what the rules of two versions are made from, whatever is asked.
func (s Snapshot) rulesInput(v release.Versions) route.RulesInput {
	return route.RulesInput{
		Service: s.Key, Versions: v, Rules: s.DestinationRules, VirtualServices: s.VirtualServices, RootNamespace: s.Settings.RootNamespace,
		Ports: s.ports(), PublishesUnready: s.Service != nil && release.ServiceOf(s.Service).PublishesUnready,
	}
}

// theClone finds the clone: the Deployment that was seen as such, or one with
// its name and our labels. Somebody else's with that name is left alone.
func (v *view) theClone() *unstructured.Unstructured {
	d := v.deployment(v.claim.Clone)
	if d == nil {
		return nil
	}
	seen := v.claim.Grayscale.UID
	if seen != "" && d.GetUID() == seen || workload.IsCloneOf(d, v.claim) {
		return d
	}
	v.taken = fmt.Sprintf("Deployment %s/%s has the clone's name, and is not ours: rename it, or cancel and write another name for the clone", d.GetNamespace(), d.GetName())
	return nil
}

func (s Snapshot) deployment(name string) *unstructured.Unstructured {
	for _, d := range s.Deployments {
		if d.GetName() == name {
			return d
		}
	}
	return nil
}

// template gives the labels of the original's pods; once it is gone, those that
// the clone took over, with the original's versions.
func (v view) template() map[string]string {
	labels := map[string]string{}
	switch {
	case v.original != nil:
		labels = release.WorkloadOf(v.original).Template
	case v.clone != nil:
		labels = release.WorkloadOf(v.clone).Template
	}
	out := map[string]string{}
	for key, value := range labels {
		out[key] = value
	}
	for key, value := range v.claim.Original.Labels {
		out[key] = value
	}
	return out
}

// others gives the versions under the Service beside the two.
func (v view) others() []string {
	found := release.OtherVersions(release.ServiceOf(v.Service), v.workloads(), v.claim.Label, v.claim.Original.Name, v.claim.Clone)
	delete(found, v.claim.Original.Version)
	delete(found, v.claim.Grayscale.Version)
	return sortedKeys(found)
}

func (s Snapshot) workloads() []release.Workload {
	out := make([]release.Workload, len(s.Deployments))
	for n, d := range s.Deployments {
		out[n] = release.WorkloadOf(d)
	}
	return out
}

func (s Snapshot) services() []release.Service {
	out := make([]release.Service, len(s.Services))
	for n, u := range s.Services {
		out[n] = release.ServiceOf(u)
	}
	return out
}

// observe puts the numbers together.
func (v *view) observe(asked release.Asked) release.Observation {
	set := v.Settings
	asked.Managed, asked.Source = v.managers()
	asked.Unrouted = v.unrouted()
	return release.Observation{
		Now: v.now, Status: v.claim, Asked: asked, Routes: v.seen(), Rules: len(v.nearRules()) > 0, Strict: v.rules.StrictWhy,
		Clone: v.theCloneSide(), Origin: v.theOriginalSide(), Impostors: v.impostors(), Twins: v.twins(),
		Propagation: set.Propagation, Drain: set.Drain, Hold: set.Hold,
	}
}

// asked reads the intent; one that can't be read leaves the policy as it was.
func (v *view) asked() release.Asked {
	asked := release.Asked{Policy: v.claim.Policy}
	if v.original == nil {
		return asked
	}
	annotations := v.original.GetAnnotations()
	mine := annotations[intent.KeyRelease] == v.claim.Task && v.original.GetUID() == v.claim.Original.UID
	if !mine {
		asked.Policy.End = intent.EndCancel // removed, renamed, or another Deployment by that name
		v.goOn(&asked.Policy)
		return asked
	}
	i, faults := intent.Parse(annotations)
	faults = append(faults, v.claim.TooLong(i)...)
	if len(faults) > 0 {
		v.faults = append(v.faults, "Deployment "+v.Key.Namespace+"/"+v.original.GetName()+": "+faults.Error())
		v.letGo(&asked.Policy, annotations)
		return asked
	}
	v.intent = &i
	asked.Policy = release.PolicyOf(i)
	v.goOn(&asked.Policy)
	asked.Undersized = i.Accepts(intent.Undersized)
	return asked
}

// letGo reads what is never in doubt in an intent that can't be read: to cancel,
// and to go back to the original.
func (v *view) letGo(p *release.Policy, annotations map[string]string) {
	if annotations[intent.KeyTraffic] == string(intent.TrafficOriginal) {
		p.Traffic = intent.TrafficOriginal
	}
	if annotations[intent.KeyEnd] == string(intent.EndCancel) {
		p.End = intent.EndCancel
	}
	v.goOn(p)
}

// goOn lets a release that can't go back finish, whatever is asked.
func (v *view) goOn(p *release.Policy) {
	if !v.pastReturn() {
		return
	}
	v.tooLate = p.End == intent.EndCancel
	if v.tooLate || v.claim.Phase == release.Finishing {
		p.End = intent.EndFinish
	}
	if !p.Asked(v.claim.Form).All() {
		p.Traffic, v.overruled = intent.TrafficGrayscale, v.claim.Phase != release.Finishing
	}
}

// pastReturn says whether the original has been changed or deleted by the finish,
// or is the grayscale version by whoever manages it: its old pods are leaving, and
// there is nothing that traffic could go back to.
func (v *view) pastReturn() bool {
	gone := v.original == nil || v.original.GetDeletionTimestamp() != nil
	finishing := v.claim.Phase == release.Finishing
	all := finishing || v.claim.Live != nil && v.claim.Live.Weight == intent.Full
	return finishing && gone || all && v.theOriginalSide().Updated
}
