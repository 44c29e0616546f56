package plan

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// ourRules are the DestinationRules of ours for this Service. One that somebody
// keeps in another namespace although it is deleted is no matter of this Service's:
// callers there alone go by it.
func (s Snapshot) ourRules() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, rule := range s.DestinationRules {
		kept := rule.GetDeletionTimestamp() != nil && rule.GetNamespace() != s.Key.Namespace
		if service, ok := route.OursFor(rule); ok && service == s.Key && !kept {
			out = append(out, rule)
		}
	}
	return out
}

// near says whether a rule or a route stands where only those write whom all callers
// of the Service trust with both: beside it, or in the mesh's root namespace. What is
// elsewhere, and what is noted there, anybody there may have written: for its own
// callers alone, and nothing else waits for it. That a rule there has our subsets is
// waited for, see unready.
func (s Snapshot) near(u *unstructured.Unstructured) bool {
	return slices.Contains([]string{s.Key.Namespace, cmp.Or(s.Settings.RootNamespace, Defaults.RootNamespace)}, u.GetNamespace())
}

// nearRules are our rules there.
func (s Snapshot) nearRules() []*unstructured.Unstructured {
	near, _ := s.parted(s.ourRules())
	return near
}

// parted parts rules, or routes, by that.
func (s Snapshot) parted(all []*unstructured.Unstructured) (near, far []*unstructured.Unstructured) {
	for _, u := range all {
		if s.near(u) {
			near = append(near, u)
		} else {
			far = append(far, u)
		}
	}
	return near, far
}

// keepRules makes our rules what the routes need. One that is not wanted any
// more stays until the end: a route may still name its subsets. Those that are near
// come last, so that whoever dies in between writes them after all others.
func (v view) keepRules(p *Plan) {
	near, far := v.parted(v.rules.Want)
	for _, want := range slices.Concat(far, near) {
		there := v.rule(want)
		switch {
		case there == nil:
			made := want.DeepCopy()
			v.stamp(made)
			p.Changes = append(p.Changes, Change{Action: Create, Object: made, Why: "adds the subsets of the two versions"})
		case !route.Ours(there):
			p.Refused = append(p.Refused, fmt.Sprintf("DestinationRule %s/%s is somebody else's, and has the name that ours must have: rename it", there.GetNamespace(), there.GetName()))
		case sameRule(there, want) || admitted(there, want):
			v.restamp(p, there)
		case v.turnsStrict():
			p.Holds = "the routes leave the grayscale version, which has no pods, before Envoy no longer fails over"
		default:
			after := adopt(there, want)
			if !knows(there, want) {
				v.stamp(after)
			}
			p.Changes = append(p.Changes, Change{Action: Update, Before: there, Object: after, Why: "brings the subsets of the two versions up to date"})
		}
	}
}

// turnsStrict says whether a subset that fails over by itself would lose that
// while requests depend on it: the routes move first.
func (v view) turnsStrict() bool {
	return v.rules.Strict && v.claim.Strict == "" && v.observation.Clone.Ready == 0 &&
		v.observation.Routes.Serves() && v.observation.Origin.Ready > 0
}

// sameRule compares specs, but not the order of their subsets, which means
// nothing: a write for it would be a push for it.
func sameRule(a, b *unstructured.Unstructured) bool {
	return reflect.DeepEqual(ordered(a), ordered(b))
}

func ordered(rule *unstructured.Unstructured) any {
	spec, _, _ := unstructured.NestedMap(rule.Object, "spec") // a deep copy
	subsets, _ := spec["subsets"].([]any)
	slices.SortFunc(subsets, func(a, b any) int { return cmp.Compare(nameOf(a), nameOf(b)) })
	return spec
}

func nameOf(subset any) string {
	fields, _ := subset.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

func (v view) rule(want *unstructured.Unstructured) *unstructured.Unstructured {
	for _, rule := range v.DestinationRules {
		if rule.GetNamespace() == want.GetNamespace() && rule.GetName() == want.GetName() {
			return rule
		}
	}
	return nil
}

// knows says whether every proxy that a rule is for, as it is to be, has all of its
// subsets as it stands: what else changes in one keeps no request waiting.
func knows(there, want *unstructured.Unstructured) bool {
	for _, field := range []string{"exportTo", "workloadSelector"} {
		a, _, _ := unstructured.NestedFieldNoCopy(there.Object, "spec", field)
		b, _, _ := unstructured.NestedFieldNoCopy(want.Object, "spec", field)
		if !reflect.DeepEqual(a, b) {
			return false
		}
	}
	return !slices.ContainsFunc(route.SubsetNames(want), func(name string) bool { return !slices.Contains(route.SubsetNames(there), name) })
}

// stamp notes on a rule when it got a subset or a proxy, in the same write, so
// that the propagation delay survives whoever waits for it.
func (v view) stamp(rule *unstructured.Unstructured) {
	annotate(rule, intent.AnnotationWritten, v.now.Format(time.RFC3339Nano))
}

// restamp notes it anew where it lies in the future: the clock of the controller
// that did was wrong, or somebody else has written it. A release whose claim was gone
// for a while, and is back, takes off what was noted meanwhile; the time then tells
// that the rules elsewhere serve again, too, see takenOver.
func (v view) restamp(p *Plan, rule *unstructured.Unstructured) {
	if !v.near(rule) {
		return
	}
	var notes []string
	if v.claim.Phase != "" { // else it is lost
		notes = []string{intent.AnnotationCalm, intent.AnnotationGone, intent.AnnotationUnused}
	}
	after := unmarked(rule, notes...)
	if at, err := time.Parse(time.RFC3339Nano, rule.GetAnnotations()[intent.AnnotationWritten]); err == nil && at.After(v.now) || !same(rule, after) {
		v.stamp(after)
	}
	if !same(rule, after) {
		p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Why: "puts right when it was written, and what else is noted on it"})
	}
}

// writtenAt is when a rule got the last of its subsets, or of its proxies. Of one that
// is not near, that is not believed much later than its creation, which the API server
// notes in full seconds, or than when those that are near got theirs: then its turn was.
func (v view) writtenAt(rule *unstructured.Unstructured) time.Time {
	latest := rule.GetCreationTimestamp().Add(time.Second)
	at, err := time.Parse(time.RFC3339Nano, rule.GetAnnotations()[intent.AnnotationWritten])
	if !v.near(rule) {
		for _, near := range v.nearRules() {
			if turn := v.writtenAt(near).Add(v.Settings.Propagation); turn.After(latest) {
				latest = turn
			}
		}
	}
	if err != nil || latest.Before(at) && !v.near(rule) {
		at = latest
	}
	if at.After(v.now) {
		return v.now // another clock is ahead: the write can be that young
	}
	return at
}

func annotate(u *unstructured.Unstructured, key, value string) {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	u.SetAnnotations(annotations)
}

// unready is how long these subsets must still not be named by a route, and the rule
// that every proxy must know until then; 0 when they do. One elsewhere counts for every
// route: what stands in the Service's namespace is for callers of all, as long as no
// exportTo says otherwise, each of them goes by the rules of its own namespace first,
// and for a subset that is not in those every request gets 503.
// https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration
func (v view) unready(subsets []string) (wait time.Duration, rule string) {
	if len(subsets) == 0 {
		return 0, ""
	}
	for _, want := range v.rules.Want {
		there, left := v.rule(want), v.Settings.Propagation // the write that adds it is on its way
		if there != nil && !slices.ContainsFunc(subsets, func(s string) bool {
			return slices.Contains(route.SubsetNames(want), s) && !slices.Contains(route.SubsetNames(there), s)
		}) {
			left = v.writtenAt(there).Add(v.Settings.Propagation).Sub(v.now)
		}
		if left > wait {
			wait, rule = left, objectName(want)
			if !v.near(want) {
				rule += ", by which callers in namespace " + want.GetNamespace() + " go,"
			}
		}
	}
	return wait, rule
}

// tooYoung says whether there is one.
func (v view) tooYoung(subsets []string) bool {
	wait, _ := v.unready(subsets)
	return wait > 0
}

// dropRules takes them away, those that are near first: whoever keeps one elsewhere
// from that keeps no other.
func (v view) dropRules(p *Plan) {
	near, far := v.parted(v.ourRules())
	for _, rule := range slices.Concat(near, far) {
		v.remove(p, rule, "takes the subsets of the two versions away")
	}
}
