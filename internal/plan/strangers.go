package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// strangers are what a Service sends requests to that the release does not expect
// there: pods of whatever else than the two Deployments, workloads outside of the
// cluster, addresses that somebody has put into an EndpointSlice. Subsets know
// labels alone, so it is the version label that says what becomes of them.
type strangers struct {
	versionless []stranger // with no value of it that is known: pins cut them off
	impostors   []stranger // with the grayscale version's: they get its requests
	twins       []stranger // with the original's: a finish would leave them behind
	others      []stranger // with that of a further version, which no Deployment has
}

type stranger struct{ name, version, owner string }

// strangers finds them. Pods of Deployments of further versions are none.
func (s Snapshot) strangers(claim *release.Status) (out strangers) {
	deployed := release.OtherVersions(release.ServiceOf(s.Service), s.workloads(), claim.Label, claim.Original.Name, claim.Clone)
	pinned := claim.Steps.Done(release.StepPinned) // before that there is no clone, and nothing is renewed
	for _, x := range s.present(claim) {
		original, clone := x.owner == claim.Original.Name, x.owner == claim.Clone
		_, known := deployed[x.version]
		switch {
		case x.version == claim.Original.Version && !original:
			out.twins = append(out.twins, x)
		case x.version == claim.Original.Version, x.version == claim.Grayscale.Version && clone:
		case x.version == claim.Grayscale.Version && original && pinned && claim.Finish == intent.InPlace:
		case x.version == claim.Grayscale.Version:
			out.impostors = append(out.impostors, x)
		case known:
		case x.version == "" || original || clone:
			out.versionless = append(out.versionless, x)
		default:
			out.others = append(out.others, x)
		}
	}
	return out
}

// present gives all that the Service sends requests to, each by the name of the
// object that its user has to change.
func (s Snapshot) present(claim *release.Status) (out []stranger) {
	ready := map[string]bool{}
	for _, e := range s.Endpoints {
		ready[e.Pod] = e.Ready
	}
	for _, p := range s.Pods {
		x := stranger{"Pod " + s.Key.Namespace + "/" + p.Name, p.Labels[claim.Label], p.Owner}
		switch {
		case !ready[p.Name] || p.Leaving:
			continue
		case p.Owner == claim.Original.Name || p.Owner == claim.Clone:
		case s.deployment(p.Owner) != nil:
			x.name = "Deployment " + s.Key.Namespace + "/" + p.Owner
		case p.Controller != "":
			x.name = p.Controller
		}
		out = append(out, x)
	}
	for _, x := range s.Strangers {
		out = append(out, stranger{name: x.What, version: x.Labels[claim.Label]})
	}
	return out
}

// namesOf gives their names, each once.
func namesOf(all []stranger) (names []string) {
	for _, x := range all {
		names = append(names, x.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// versions gives the further versions.
func (x strangers) versions() (out []string) {
	for _, other := range x.others {
		out = append(out, other.version)
	}
	return out
}

// tell says something of them in a sentence that begins with their names; empty
// where there is none.
func tell(all []stranger, sentence string, more ...any) string {
	names := namesOf(all)
	if len(names) == 0 {
		return ""
	}
	told := strings.Join(names[:min(3, len(names))], ", ")
	if rest := len(names) - 3; rest > 0 {
		told += fmt.Sprintf(" and %d more", rest)
	}
	return told + " " + fmt.Sprintf(sentence, more...)
}

// versionless tells of those that pins cut off.
func (v *view) versionless() string {
	return tell(v.strange.versionless, "under Service %s, with no known value of label %s, would get no requests once the routes are pinned: give them a version, or wait until they are replaced", v.Key, v.claim.Label)
}

// impostors tells of those that get the grayscale version's requests.
func (v *view) impostors() string {
	return tell(v.strange.impostors, "under Service %s, with the grayscale version's label %s=%s, would get its requests, and are not the clone's: remove them, or give them another version", v.Key, v.claim.Label, v.claim.Grayscale.Version)
}

// twins tells of those that a finish would leave behind.
func (v *view) twins() string {
	return tell(v.strange.twins, "under Service %s, with the original version's label %s=%s, would be left behind by a finish: remove them, or give them another version", v.Key, v.claim.Label, v.claim.Original.Version)
}

// strays tells of all that must not be there before anything is pinned.
func (v *view) strays() string { return sentences(v.impostors(), v.versionless()) }

func sentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// faults says why a release can't start among them. What pods of Deployments have
// for a version is told by what resolves the intent, or is being replaced.
func (x strangers) faults(s Snapshot, claim *release.Status) (faults intent.Faults) {
	refuse := func(all []stranger, version, why, right string) {
		all = slices.DeleteFunc(slices.Clone(all), func(x stranger) bool { return s.deployment(x.owner) != nil })
		for _, name := range namesOf(all) {
			faults = append(faults, intent.Fault{Kind: intent.Conflict, At: name, Value: version, Why: why, Right: right})
		}
	}
	label, under := claim.Label, "under Service "+s.Key.String()
	refuse(x.impostors, claim.Grayscale.Version, "is its label "+label+", "+under+": the grayscale version's requests would go there", "write another version for the release, or remove it")
	refuse(x.twins, claim.Original.Version, fmt.Sprintf("is its label %s, %s, as it is of Deployment %s/%s: a finish would leave it behind", label, under, s.Key.Namespace, claim.Original.Name), "give it another version, or remove it")
	refuse(x.versionless, "", "has no label "+label+", "+under+": it would get no requests once the routes are pinned", "give it a version, or remove it")
	return faults
}
