package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Loss is a write that takes all pods of a Deployment away.
type Loss struct {
	Deployment *unstructured.Unstructured // as it stands
	By         Way
	// Original is the one whose intent counts, as it is after the write; nil where it is gone.
	Original *unstructured.Unstructured
}

// Way is how a Deployment loses all its pods.
type Way int

// The ways. A Deployment with an owner that is not there is deleted by the garbage
// collector, which no guard may stop; whether it is there, or will be, nobody here
// can know, so that any new owner counts.
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents
const (
	ByDeletion Way = iota
	ByScale
	ByOwner
)

// words say that a Deployment can't be so treated, and that it is.
var words = map[Way]struct{ done, does string }{
	ByDeletion: {"deleted", "deletes %s"},
	ByScale:    {"scaled to 0", "scales %s to 0"},
	ByOwner:    {"given a new owner, with which the garbage collector deletes it", "gives %s a new owner"},
}

// Named gives the claim in which a Deployment of that name is a version.
func (cs Claims) Named(deployment string) (Claim, bool) {
	return cs.find(func(c Claim) bool {
		return c.Status != nil && (c.Status.Original.Name == deployment || c.Status.Clone == deployment)
	})
}

// Unread says of the first claim that can't be read that nobody knows what its versions
// are; nil where all can.
func (cs Claims) Unread() error {
	if c, ok := cs.find(func(c Claim) bool { return c.Unreadable != nil }); ok {
		return errors.New(c.Holder())
	}
	return nil
}

// Guard refuses to take the pods of a version away that carries traffic by the live
// routes, those of all VirtualServices for the claim's Service.
func Guard(l Loss, claim Claim, live []route.Live) (v Verdict) {
	d, s := release.WorkloadOf(l.Deployment), claim.Status
	which, share, right := "", "", ""
	const orElse = ", or cancel the release (kubectl grayscale cancel %[2]s -n %[1]s), or accept the risk with %[3]s: %[4]s on Deployment %[1]s/%[5]s"
	switch {
	case d.UID == s.Original.UID:
		which, share = "original", kept(d, s, live)
		right = "let the grayscale version take over first (kubectl grayscale takeover %[2]s -n %[1]s)" + orElse
	case d.Name == s.Clone && (d.UID == s.Grayscale.UID || workload.IsCloneOf(l.Deployment, s)):
		which, share = "grayscale", given(live)
		right = "give the traffic back first (kubectl grayscale takeover %[2]s --to original -n %[1]s)" + orElse
		if l.alone(s) {
			share, right = "all traffic", "let the release finish first (kubectl grayscale wait %[2]s --for end -n %[1]s)"
		}
	}
	if share == "" {
		return v
	}
	say := words[l.By]
	what := fmt.Sprintf("the %s version of release %s, which has %s of Service %s", which, s.Task, share, claim.Service.Key())
	at := fmt.Sprintf("Deployment %s/%s", d.Namespace, d.Name)
	v.guard(accepts(l.Original, intent.Unprotected), intent.Faults{{
		Kind: intent.Forbidden, At: at, Why: "is " + what + ", and can't be " + say.done,
		Right: fmt.Sprintf(right, d.Namespace, s.Task, intent.KeyAccept, intent.Unprotected, s.Original.Name),
	}}, fmt.Sprintf(say.does+", %s", at, what))
	return v
}

// alone says whether the original is gone, or about to be, in a finish: there is no way
// back, and all traffic is the grayscale version's, also once no route is ours any more.
func (l Loss) alone(s *release.Status) bool {
	gone := l.Original == nil || l.Original.GetUID() != s.Original.UID || l.Original.GetDeletionTimestamp() != nil
	return s.Phase == release.Finishing && gone
}

// given says what the live routes give the grayscale version; empty: nothing.
func given(live []route.Live) string {
	var parts []string
	least, most := span(live)
	switch {
	case least == intent.Full:
		return "all traffic"
	case most > 0 && least == most:
		parts = append(parts, most.String()+" % of the traffic")
	case most > 0:
		parts = append(parts, "up to "+most.String()+" % of the traffic")
	}
	mirror := intent.Weight(0)
	for _, l := range live {
		mirror = max(mirror, l.Mirror)
	}
	if ruled(live) {
		parts = append(parts, "the requests that its match rules take")
	}
	if mirror > 0 {
		parts = append(parts, "copies of "+mirror.String()+" % of the requests")
	}
	return strings.Join(parts, " and ")
}

// kept says what they leave the original version; empty: nothing. One that is of
// the grayscale version by now, as at a finish in place, shares what that has.
func kept(d release.Workload, s *release.Status, live []route.Live) string {
	least, most := span(live)
	switch {
	case most == 0 && ruled(live):
		return "all traffic but what match rules take"
	case most == 0:
		return "all traffic"
	case least < intent.Full:
		return (intent.Full - least).String() + " % of the traffic"
	case d.Template[s.Label] == s.Grayscale.Version:
		return "a part of all traffic"
	}
	return ""
}

// ruled says whether a route leads by request content.
func ruled(live []route.Live) bool {
	return slices.ContainsFunc(live, func(l route.Live) bool { return l.Content > 0 })
}

// span gives the least and the most that a route gives the grayscale version; where
// no route is ours, all goes to the original.
func span(live []route.Live) (least, most intent.Weight) {
	for n, l := range live {
		if n == 0 || l.Min < least {
			least = l.Min
		}
		most = max(most, l.Max)
	}
	return least, most
}
