package plan

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// routing is one VirtualService and what it does for this release now.
type routing struct {
	vs       *unstructured.Unstructured
	own      bool // ours as a whole
	live     route.Live
	unpinned bool // its live routes are not what Apply makes of them
	within   bool // what is asked takes nothing from the original that it has now
	asked    bool // it is what is asked
}

// routings finds the VirtualServices that send traffic to the Service.
func (v view) routings() []routing {
	var out []routing
	for _, vs := range v.VirtualServices {
		service, own := route.OursFor(vs)
		if own && service != v.Key || !own && !slices.Contains(route.References(vs), v.Key) {
			continue
		}
		r := routing{vs: vs, own: own}
		for _, live := range route.Read(vs) {
			if live.Service == v.Key {
				r.live = live
			}
		}
		want, err := v.at(r, r.live.Share())
		r.unpinned = !own && (err != nil || !same(want, vs)) || own && v.leaks(vs)
		full, err := v.at(r, v.share)
		less, other := v.at(r, v.share.Meet(r.live.Share()))
		r.within = err == nil && other == nil && same(full, less)
		exact, err := v.with(r, v.share)
		r.asked = err == nil && same(exact, vs)
		out = append(out, r)
	}
	return out
}

// at gives a VirtualService with this release at that share, and every other
// release in it as it stands there.
//
// Where its routes can't say the share, or rules would take the requests of
// another VirtualService, it is as much of it as they can say: a doubtful request
// belongs to the original, and no pin is lost for a rule. Where they can't say
// what another release has there, because the user has edited them, that gives way
// next: neither may keep the other from taking its traffic back. The other one puts
// its rules back in a pass of its own, once they can be said.
func (v view) at(r routing, share intent.Share) (*unstructured.Unstructured, error) {
	var first error
	for peers := range route.Ladder(v.peers(r.vs)) {
		for n, less := range lower(share) {
			after, err := v.beside(r, less, peers)
			if err == nil && (n > 0 || !v.crowded(share, after)) {
				return after, nil
			}
			first = cmp.Or(first, err)
		}
	}
	return nil, first
}

// lower gives a share, and what is left of it for routes that can't say it.
func lower(share intent.Share) []intent.Share {
	if share.All() {
		return []intent.Share{share}
	}
	return []intent.Share{share, {Weight: share.Weight, Mirror: share.Mirror}, {Weight: share.Weight}, {}}
}

// crowded says whether rules of a share would take the requests of another
// VirtualService.
func (v view) crowded(share intent.Share, after *unstructured.Unstructured) bool {
	return !share.All() && len(share.Match) > 0 && len(route.CrowdFaults(after, v.VirtualServices)) > 0
}

// with gives it at exactly that share, every other release as it stands there.
func (v view) with(r routing, share intent.Share) (*unstructured.Unstructured, error) {
	return v.beside(r, share, v.peers(r.vs))
}

func (v view) beside(r routing, share intent.Share, peers []route.Split) (*unstructured.Unstructured, error) {
	split := v.split(v.part(r, share), v.subsets(r.vs))
	if r.own {
		made, err := route.Fill(split, v.fill(r.vs))
		if err != nil {
			return nil, err
		}
		after := adopt(r.vs, made)
		if admitted(r.vs, after) {
			after.Object["spec"] = r.vs.DeepCopy().Object["spec"]
		}
		return after, nil
	}
	return route.Apply(r.vs, append(slices.Clone(peers), split))
}

// part is what a VirtualService has of a share: nothing where it is only pinned.
func (v view) part(r routing, share intent.Share) intent.Share {
	if v.pins && v.late(r.vs) {
		return intent.Share{}
	}
	return share
}

func (v view) split(share intent.Share, subsets route.Subsets) route.Split {
	return route.Split{Service: v.Key, Weight: share.Weight, Match: share.Match, Mirror: share.Mirror, Subsets: subsets}
}

// subsets adds to what the user's rules say what the live routes say of a
// subset that has just been deleted: while ours for it stands, our routes carry
// the requests that the user's could not.
func (v view) subsets(vs *unstructured.Unstructured) route.Subsets {
	out := maps.Clone(v.rules.Subsets)
	for _, split := range route.Recover(vs) {
		for name, target := range split.Subsets {
			if _, known := out[name]; !known && split.Service == v.Key && name != "" && v.stands(target) {
				out[name] = target
			}
		}
	}
	return out
}

// stands says whether a rule of ours has both subsets of a target.
func (v view) stands(target route.Target) bool {
	for _, rule := range v.nearRules() {
		names := route.SubsetNames(rule)
		if slices.Contains(names, target.Original) && slices.Contains(names, target.Version) {
			return true
		}
	}
	return false
}

// peers are the other releases with routes in a VirtualService.
func (v view) peers(vs *unstructured.Unstructured) []route.Split { return peers(vs, v.Key) }

func peers(vs *unstructured.Unstructured, mine types.NamespacedName) []route.Split {
	var out []route.Split
	for _, split := range route.Recover(vs) {
		if split.Service != mine {
			out = append(out, split)
		}
	}
	return out
}

// seen adds the VirtualServices up.
func (v view) seen() release.Routes {
	out := release.Routes{Min: intent.Full, Within: true, Delivered: true}
	for _, r := range v.routes {
		out.Ours += r.live.Routes
		out.Near = out.Near || r.live.Routes > 0 && v.near(r.vs)
		out.Unpinned = out.Unpinned || r.unpinned
		pinned, err := v.at(r, intent.Share{})
		needs := err == nil && (r.own || !same(pinned, route.Strip(r.vs)))
		if r.live.Routes == 0 && !hasTargets(r.vs, v) {
			continue // it names only other versions
		}
		out.NeedPins = out.NeedPins || needs
		out.Min, out.Max = min(out.Min, r.live.Min), max(out.Max, r.live.Max)
		out.Content, out.Mirror = out.Content+r.live.Content, max(out.Mirror, r.live.Mirror)
		out.Within, out.Delivered = out.Within && r.within, out.Delivered && r.asked
	}
	if v.needOwn() && v.own() == nil {
		out.Unpinned, out.NeedPins, out.Min = true, true, 0
		out.Within, out.Delivered = out.Within && v.share.None(), false
	}
	if out.Ours == 0 {
		out.Min = 0 // nothing is routed, which is not everything
	}
	out.Delivered = out.Delivered && len(v.connections()) == 0
	out.ToMove = len(v.named())
	if v.claim.Phase == release.Finishing {
		_, lacking := v.successors()
		out.ToAppend = len(lacking)
	}
	return out
}

// hasTargets says whether a VirtualService has a route that takes part at all.
func hasTargets(vs *unstructured.Unstructured, v view) bool {
	full, err := route.Apply(vs, []route.Split{{Service: v.Key, Weight: intent.Full, Subsets: v.rules.Subsets}})
	return err == nil && !same(full, route.Strip(vs))
}

// routesAt brings every VirtualService to a share; where that only keeps, each to
// what is both in the share and live.
func (v view) routesAt(p *Plan, share intent.Share, keep bool) {
	for _, r := range v.routes {
		if r.own && !v.needOwn() {
			continue // given up below
		}
		here := v.part(r, share)
		if keep {
			here = here.Meet(r.live.Share())
		}
		after, err := v.at(r, here)
		if err != nil {
			p.Refused = append(p.Refused, err.Error())
			v.calm(p, r, here)
			continue
		}
		if wait, rule := v.unready(v.newSubsets(after)); wait > 0 {
			// What is asked needs a subset that is too young; what it takes from the
			// grayscale version does not wait for that.
			p.hold(wait, rule)
			here = here.Meet(r.live.Share())
			if after, err = v.at(r, here); err != nil {
				p.Refused = append(p.Refused, err.Error())
				continue
			}
			if v.tooYoung(v.newSubsets(after)) { // the user's own edit needs it
				v.calm(p, r, here)
				continue
			}
		}
		v.write(p, r.vs, after, "routes "+describe(here)+" to the grayscale version")
	}
	if own := v.own(); own != nil {
		share = live(v.routes, own)
	} else if keep {
		share = intent.Share{}
	}
	v.routeOwn(p, share)
}

// live is what ours gives the grayscale version now.
func live(routes []routing, own *unstructured.Unstructured) intent.Share {
	for _, r := range routes {
		if r.vs == own {
			return r.live.Share()
		}
	}
	return intent.Share{}
}

// describe says a share in a few words.
func describe(s intent.Share) string {
	out := s.Weight.String() + " %"
	if len(s.Match) > 0 {
		out += fmt.Sprintf(" and the requests of %d rules", len(s.Match))
	}
	if s.Mirror > 0 {
		out += " and copies of " + s.Mirror.String() + " %"
	}
	return out
}

// write updates a VirtualService, unless it would use a subset that not every
// proxy can know yet: such a route answers 503.
func (v view) write(p *Plan, before, after *unstructured.Unstructured, why string) {
	if same(before, after) {
		return
	}
	if wait, rule := v.unready(v.newSubsets(after)); wait > 0 {
		p.hold(wait, rule)
		return
	}
	if v.cutsOff() {
		p.Holds = v.strays()
		return
	}
	// At weight 0, where no pin is needed, nothing of ours may be left in it.
	p.Changes = append(p.Changes, Change{Action: Update, Before: before, Object: after, Release: len(route.Read(after)) == 0, Why: why})
}

// cutsOff says whether pinning now would take requests from ready pods that
// carry no version that is known: a pin is for pods that all can be told apart.
func (v view) cutsOff() bool {
	return !v.claim.Steps.Done(release.StepPinned) && v.strays() != ""
}

func (p *Plan) hold(wait time.Duration, rule string) {
	p.sooner(wait)
	if late := "every proxy must know our subsets before a route names them, and " + rule + " has not had them for long enough"; !strings.Contains(p.Holds, late) {
		p.Holds = sentences(p.Holds, late)
	}
}

// newSubsets gives those of our subsets that a VirtualService would use and
// that none uses now.
func (v view) newSubsets(after *unstructured.Unstructured) []string {
	used := map[string]bool{}
	for _, r := range v.routes {
		for _, name := range route.SubsetsOf(r.vs, v.Key) {
			used[name] = true
		}
	}
	var out []string
	for _, name := range route.SubsetsOf(after, v.Key) {
		if strings.HasPrefix(name, route.Reserved) && !used[name] {
			out = append(out, name)
		}
	}
	return out
}

func same(a, b *unstructured.Unstructured) bool { return reflect.DeepEqual(a.Object, b.Object) }

// adopt gives want's content with the identity of what is there.
func adopt(there, want *unstructured.Unstructured) *unstructured.Unstructured {
	out := there.DeepCopy()
	out.Object["spec"] = want.Object["spec"]
	if annotations := out.GetAnnotations(); annotations[intent.AnnotationRules] != want.GetAnnotations()[intent.AnnotationRules] {
		delete(annotations, intent.AnnotationRules)
		out.SetAnnotations(annotations)
		if rules, has := want.GetAnnotations()[intent.AnnotationRules]; has {
			annotate(out, intent.AnnotationRules, rules)
		}
	}
	labels := out.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	for key, value := range want.GetLabels() {
		labels[key] = value
	}
	out.SetLabels(labels)
	return out
}
