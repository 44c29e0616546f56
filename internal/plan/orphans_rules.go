package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// holds says whether a VirtualService has routes of ours for the Service. One whose
// reserved subsets are all the user's own is the user's.
func (v view) holds(vs *unstructured.Unstructured) bool {
	for _, live := range route.Read(vs) {
		if live.Service == v.Key {
			return slices.ContainsFunc(v.reserved(vs), func(name string) bool { return !v.isUsers(name, vs) })
		}
	}
	return false
}

// reserved are the subsets with our prefix that a VirtualService names.
func (v view) reserved(vs *unstructured.Unstructured) []string {
	return slices.DeleteFunc(route.SubsetsOf(vs, v.Key), func(name string) bool { return !strings.HasPrefix(name, route.Reserved) })
}

// isUsers says whether a subset with our prefix is the user's own where a
// VirtualService names it: a rule of the user's that its callers go by defines it, in
// their namespace or in one that all trust, and none of ours does.
func (v view) isUsers(name string, vs *unstructured.Unstructured) bool {
	defines := func(rule *unstructured.Unstructured) bool { return slices.Contains(route.SubsetNames(rule), name) }
	return !slices.ContainsFunc(v.nearRules(), defines) && slices.ContainsFunc(v.DestinationRules, func(rule *unstructured.Unstructured) bool {
		home := vs.GetNamespace()
		return defines(rule) && !route.Ours(rule) && (v.near(rule) || rule.GetNamespace() == home) && route.VisibleIn(rule, home)
	})
}

// removeRules lets our rules outlive the routes by the propagation delay: the
// Service may be there again before every proxy has forgotten them. The next release
// waits for those that are near; one that a live route still needs stays for it.
func (v view) removeRules(p *Plan) (left bool) {
	near, far := v.parted(v.ourRules())
	for _, rule := range slices.Concat(near, far) {
		if v.needed(rule, v.VirtualServices) {
			continue
		}
		left = left || v.near(rule)
		since, err := time.Parse(time.RFC3339Nano, rule.GetAnnotations()[intent.AnnotationUnused])
		if err != nil || since.After(v.now) || v.takenOver(rule, since) { // one later than now is somebody else's
			after := rule.DeepCopy()
			annotate(after, intent.AnnotationUnused, v.now.Format(time.RFC3339Nano))
			p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Why: "notes since when no route names the subsets"})
			continue
		}
		if wait := since.Add(v.Settings.Propagation).Sub(v.now); wait > 0 {
			p.sooner(wait)
			continue
		}
		v.remove(p, rule, "takes the subsets of the two versions away")
	}
	return left
}

// takenOver says whether a rule elsewhere has served another release, or the same one
// again, since that was noted on it: then those that are near are younger. So
// nobody has to write on the others that they serve again, as often as somebody there
// says that they do not.
func (v view) takenOver(rule *unstructured.Unstructured, since time.Time) bool {
	return !v.near(rule) && slices.ContainsFunc(v.nearRules(), func(near *unstructured.Unstructured) bool {
		at := v.writtenAt(near)
		return at.After(since) && at.Before(v.now)
	})
}

// reuse takes the note off that no route names the subsets of a near rule, where a
// near route does again: the delay begins anew when that goes, and by the time on it
// that of the rules elsewhere, see takenOver. A route elsewhere could be written there
// every second, and no rule would ever go.
func (v view) reuse(p *Plan) {
	routes, _ := v.parted(v.VirtualServices)
	for _, rule := range v.nearRules() {
		if after := unmarked(rule, intent.AnnotationUnused); !same(rule, after) && v.needed(rule, routes) {
			v.stamp(after)
			p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Why: "a route names the subsets again"})
		}
	}
}

// unmarked gives a rule without such notes.
func unmarked(rule *unstructured.Unstructured, notes ...string) *unstructured.Unstructured {
	out := rule.DeepCopy()
	for _, note := range notes {
		unstructured.RemoveNestedField(out.Object, "metadata", "annotations", note)
	}
	return out
}

// needed says whether one of these routes names a subset of a rule of ours.
func (v view) needed(rule *unstructured.Unstructured, routes []*unstructured.Unstructured) bool {
	names := route.SubsetNames(rule)
	return slices.ContainsFunc(routes, func(vs *unstructured.Unstructured) bool {
		return slices.ContainsFunc(v.reserved(vs), func(name string) bool { return slices.Contains(names, name) })
	})
}

// routes are the VirtualServices that a plan writes.
func (p Plan) routes() (out []*unstructured.Unstructured) {
	for _, c := range p.Changes {
		if c.kind() == "VirtualService" {
			out = append(out, target(c))
		}
	}
	return out
}

// waiting says what keeps the releases that are asked for from their start.
func (s Snapshot) waiting(p Plan) Plan {
	asked := s.candidates()
	if len(asked) == 0 {
		return p
	}
	if p.Holds == "" {
		var left []string
		for _, u := range slices.Concat(s.orphanedClones(), p.routes(), s.nearRules()) {
			left = append(left, objectName(u))
		}
		p.Holds = fmt.Sprintf("what the last release of Service %s left goes first", s.Key)
		if len(left) > 0 {
			p.Holds += ": " + strings.Join(left, ", ")
		}
	}
	for _, c := range asked {
		p.Events = append(p.Events, Event{On: c.deployment, Reason: "StartWaits", Message: fmt.Sprintf("release %s can't start yet: %s", c.intent.Release, p.Holds)})
	}
	return p
}
