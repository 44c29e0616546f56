package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Somebody else may set back what we write, every few seconds: a GitOps tool that
// has its own version. Writing it again as fast would be a push to every proxy
// each time, by two controllers. So the same content is written three times, and
// then slower and slower, while the status says who it is; but for a subset that
// requests need, which is given back each time.

// Written is one object's last content that a release wrote, and how often in a
// row. It is remembered, not read: whoever starts anew finds out again.
type Written struct {
	Kind string
	Key  types.NamespacedName
	Hash string      // of the content
	Last []time.Time // the last three writes, oldest first
	Lost int         // how often the content was written since it is being fought over; 0: it is not
	// Manager and By are who had written before us, the last time: our write takes
	// the fields over, and with them the entry in managedFields.
	Manager, By string
	Gone        bool // it had been deleted
	Urgent      bool // see Change
}

const (
	tries    = 3               // writes of the same content within trial, before it counts as a fight
	trial    = time.Minute     // also how long the last write must stand, beyond its delay, to end one
	firstGap = 5 * time.Second // from the last of the tries to the next write; it doubles each time
	mostGap  = 5 * time.Minute
	// urgentGap is all that a write waits without which requests fail.
	urgentGap = time.Second
)

// Remember adds to what is remembered what a plan has just written. Other content
// in the same place, a step of the policy, is no fight, and begins anew; what has
// stood long enough is forgotten.
func Remember(before []Written, p Plan, now time.Time) []Written {
	out := slices.DeleteFunc(slices.Clone(before), func(w Written) bool { return w.over(now) })
	for _, c := range p.Changes {
		if !fightable(c) {
			continue
		}
		w := Written{Kind: target(c).GetKind(), Key: keyOf(target(c)), Hash: contentOf(c)}
		if at := slices.IndexFunc(out, w.samePlace); at >= 0 {
			if out[at].Hash == w.Hash {
				w = out[at]
			}
			out = slices.Delete(out, at, at+1)
		}
		w.Manager, w.By = writer(c.Before)
		w.Gone, w.Urgent = c.Action == Create, c.Urgent
		out = append(out, w.again(now))
	}
	return out
}

func (w Written) samePlace(other Written) bool { return w.Kind == other.Kind && w.Key == other.Key }

// again counts one write more.
func (w Written) again(now time.Time) Written {
	w.Last = append(slices.Clone(w.Last), now)
	if len(w.Last) > tries {
		w.Last = w.Last[1:]
	}
	if w.Lost > 0 || len(w.Last) == tries && now.Sub(w.Last[0]) <= trial {
		w.Lost++
	}
	return w
}

func (w Written) last() time.Time { return w.Last[len(w.Last)-1] }

// next is when the content may be written again.
func (w Written) next() time.Time {
	switch {
	case w.Lost == 0:
		return w.last()
	case w.Urgent:
		return w.last().Add(urgentGap)
	}
	gap := firstGap
	for n := 1; n < w.Lost && gap < mostGap; n++ {
		gap *= 2
	}
	return w.last().Add(min(gap, mostGap))
}

// ends is when the last write has stood long enough.
func (w Written) ends() time.Time { return w.next().Add(trial) }

func (w Written) over(now time.Time) bool { return !now.Before(w.ends()) }

// slower leaves out of a plan what is to be written again too soon, and says who
// fights with us over what; empty when nobody does. What admission makes of our
// own writes it adds to what is refused.
func (s Snapshot) slower(p *Plan, now time.Time) (fought string) {
	for n := range p.Changes {
		p.Changes[n].Urgent = s.urgent(p.Changes[n])
	}
	for _, w := range s.Written {
		if w.Lost == 0 || w.over(now) {
			continue
		}
		admission := ""
		p.Changes = slices.DeleteFunc(p.Changes, func(c Change) bool {
			if !fightable(c) || !w.samePlace(Written{Kind: target(c).GetKind(), Key: keyOf(target(c))}) || contentOf(c) != w.Hash {
				return false
			}
			w.Urgent = c.Urgent
			admission = s.changedByAdmission(w, c)
			return now.Before(w.next())
		})
		if left := w.next().Sub(now); left > 0 {
			p.sooner(left)
		}
		p.sooner(w.ends().Sub(now))
		if admission != "" {
			p.Refused = append(p.Refused, admission)
		} else if fought == "" {
			fought = s.fighter(w)
		}
	}
	return fought
}

// urgent says whether a write gives a rule a subset that it lacks and that a live
// route names: without it every request of that route fails.
func (s Snapshot) urgent(c Change) bool {
	if c.Object == nil || c.Object.GetKind() != "DestinationRule" {
		return false
	}
	var lacking []string
	for _, name := range route.SubsetNames(c.Object) {
		if c.Before == nil || !slices.Contains(route.SubsetNames(c.Before), name) {
			lacking = append(lacking, name)
		}
	}
	return slices.ContainsFunc(s.VirtualServices, func(vs *unstructured.Unstructured) bool {
		return slices.ContainsFunc(route.SubsetsOf(vs, s.Key), func(name string) bool { return slices.Contains(lacking, name) })
	})
}

// fightable leaves out what is done once, at an end: there is no fight over it,
// and an end that waited for it would be closed without it.
func fightable(c Change) bool { return c.Action != Forget && c.Action != Disown }

// contentOf is a hash of what a change is about, without what differs each time.
func contentOf(c Change) string {
	content := []any{c.Action == Delete}
	switch u := c.Object; c.Action {
	case Delete:
	case Scale:
		replicas, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replicas")
		content = append(content, replicas)
	case Label:
		content = append(content, u.GetLabels())
	default:
		content = append(content, u.Object["spec"], intent.Of(u.GetLabels()), u.GetAnnotations()[intent.AnnotationRules])
	}
	b, err := json.Marshal(content)
	if err != nil {
		return "" // no API server gave it
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// target is the object that a change is about.
func target(c Change) *unstructured.Unstructured {
	if c.Object != nil {
		return c.Object
	}
	return c.Before
}

func keyOf(u *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}
