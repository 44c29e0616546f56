package plan_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// rightsOf are those that whoever wrote the intents that stand now had to have.
func (c *cluster) rightsOf(key types.NamespacedName) (out []plan.Right) {
	s, world := c.snapshot(key), release.World{}
	for _, u := range s.Services {
		world.Services = append(world.Services, release.ServiceOf(u))
	}
	for _, d := range s.Deployments {
		world.Workloads = append(world.Workloads, release.WorkloadOf(d))
	}
	claim := c.claim(key)
	for _, d := range s.Deployments {
		i, faults := intent.Parse(d.GetAnnotations())
		if !intent.Starts(d.GetAnnotations()) || len(faults) > 0 {
			continue
		}
		if claim != nil && claim.Original.UID == d.GetUID() && claim.Task == i.Release {
			out = append(out, plan.Rights(s, i, nil)...)
			continue
		}
		if spec, _ := release.Resolve(i, release.WorkloadOf(d), world); spec.Service.Name == key.Name {
			out = append(out, plan.Rights(s, i, &spec)...)
		}
	}
	return out
}

// needed is the right that a change would need of a user: none where it takes
// something of ours back, where it is the clone's, or forgets an intent. Who may
// make an object of ours decides what it holds.
func needed(change plan.Change) (plan.Right, bool) {
	u, resources := target(change), map[string]plan.Right{
		"VirtualService":  {Group: "networking.istio.io", Resource: "virtualservices"},
		"DestinationRule": {Group: "networking.istio.io", Resource: "destinationrules"},
		"Deployment":      {Group: "apps", Resource: "deployments"},
	}
	r, known := resources[u.GetKind()]
	r.Verb, r.Namespace, r.Name = string(change.Action), u.GetNamespace(), u.GetName()
	_, clone := u.GetLabels()[intent.LabelTask]
	switch change.Action {
	case plan.Create:
		r.Name = ""
		return r, known
	case plan.Update:
		freed := change.Before.GetLabels()[intent.LabelTask] != ""
		return r, known && !clone && !freed
	case plan.Delete:
		return r, u.GetKind() == "Deployment" && !clone
	}
	return r, false
}

// TestRightsCoverAllThatIsWritten: what the requester is asked for when the intent
// is written is all that the release then writes, to its end. Where somebody else
// adds objects mid-way the next intent is asked for those, too.
func TestRightsCoverAllThatIsWritten(t *testing.T) {
	used := map[string]bool{}
	for _, s := range all() {
		c := newCluster(t, s.world...)
		may := map[plan.Right]bool{}
		ends := false // the finish is asked for
		check := func() {
			for _, key := range c.services {
				p := plan.Make(c.snapshot(key), c.now)
				unasked := p.Status != nil && p.Status.Phase == release.Finishing && !ends
				if p.Status == nil || p.Status.Phase == release.Cancelling || unasked {
					continue // takes things back, or ends because somebody deleted the original, or rolled it out anew
				}
				for _, change := range p.Changes {
					r, needs := needed(change)
					created := r
					created.Verb, created.Name = "create", ""
					_, ours := target(change).GetLabels()[intent.LabelService]
					if needs && !may[r] && !(ours && may[created]) {
						c.fail("%s: the release would %s (%s), which its requester was not asked for; asked were %v", s.name, r, change.Why, may)
					}
					used[r.Verb+" "+r.Resource] = used[r.Verb+" "+r.Resource] || needs
				}
			}
		}
		for _, do := range s.steps {
			do(c)
			for _, d := range c.list("Deployment", "") {
				ends = ends || d.GetAnnotations()[intent.KeyEnd] == string(intent.EndFinish)
			}
			for _, key := range c.services {
				for _, r := range c.rightsOf(key) {
					may[r] = true
				}
			}
			c.watched(check)
		}
	}
	for _, want := range []string{
		"create deployments", "delete deployments", "update deployments", "create virtualservices", "update virtualservices",
		"create destinationrules", "update destinationrules",
	} {
		if !used[want] {
			t.Errorf("no scenario needs the right to %s", want)
		}
	}
}

// watched is settle, with a look before every turn.
func (c *cluster) watched(look func()) {
	for range mostPasses {
		look()
		wrote, after := c.turn()
		if wrote {
			continue
		}
		next := c.next(after)
		if next.IsZero() {
			return
		}
		c.advance(next.Sub(c.now))
	}
	c.fail("still busy after %d passes", mostPasses)
}

// TestRights: which are asked for, by what is asked and what is there.
func TestRights(t *testing.T) {
	const (
		clone  = "create deployments.apps in namespace shop"
		vs     = "update virtualservices.networking.istio.io shop/reviews"
		front  = "update virtualservices.networking.istio.io edge/front"
		newVS  = "create virtualservices.networking.istio.io in namespace shop"
		newDR  = "create destinationrules.networking.istio.io in namespace shop"
		ownDR  = "update destinationrules.networking.istio.io shop/grayscale-reviews"
		ownVS  = "update virtualservices.networking.istio.io shop/grayscale-reviews"
		userDR = "update destinationrules.networking.istio.io shop/reviews"
		away   = "delete deployments.apps shop/reviews-v1"
		renew  = "update deployments.apps shop/reviews-v1"
	)
	for _, test := range []struct {
		name  string
		world []string
		steps []step // all but the last are let settle
		want  []string
	}{
		{"a route of the user's", plain, []step{asks()}, []string{clone, vs, newDR}},
		{"routes in two namespaces", []string{reviews, gatewayRoute, plainRoute}, []step{asks()}, []string{clone, vs, front, newDR}},
		{"no route", none, []step{asks()}, []string{clone, newVS, newDR}},
		{"a route that another Service alone has", []string{reviews, ratings, strings.ReplaceAll(plainRoute, "reviews", "ratings")}, []step{asks()}, []string{clone, newVS, newDR}},
		{"mid-way, what stands is updated", none, []step{asks(), annotate("weight=10")}, []string{clone, ownVS, ownDR}},
		{"a rule in a caller's namespace", []string{reviews, plainRoute, strings.ReplaceAll(strictRule, "namespace: shop", "namespace: edge")}, []step{asks()}, []string{clone, vs, newDR, "create destinationrules.networking.istio.io in namespace edge"}},
		{"the end deletes the original", plain, []step{asks("traffic=grayscale"), annotate("end=finish")}, []string{clone, vs, ownDR, away}},
		{"the end moves the user's subset", subset, []step{asks("traffic=grayscale"), annotate("end=finish")}, []string{clone, vs, ownDR, userDR, away}},
		{"the end gives the original another template", labelFree, []step{asks("finish=in-place", "traffic=grayscale", "end=finish")}, []string{clone, vs, newDR, renew}},
		{"all the way from the start", plain, []step{asks("traffic=grayscale", "end=finish")}, []string{clone, vs, newDR, away}},
		{"another name while one runs", plain, []step{asks("weight=10"), annotate("release=reviews-v3", "image=3.0", "version=v3")}, []string{clone, vs, ownDR}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, test.world...)
			for n, do := range test.steps {
				do(c)
				if n < len(test.steps)-1 {
					c.settle()
				}
			}
			var got []string
			for _, r := range c.rightsOf(reviewsKey) {
				got = append(got, r.String())
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// labelFree has an original whose selector lacks the version.
var labelFree = []string{strings.Replace(reviews, "selector: {matchLabels: {app: reviews, version: v1}}", "selector: {matchLabels: {app: reviews}}", 1), plainRoute}

// TestRightsOfWhatCannotBe: an intent and objects that make no sense have an
// answer all the same.
func TestRightsOfWhatCannotBe(t *testing.T) {
	odd := &unstructured.Unstructured{Object: map[string]any{"kind": "VirtualService", "spec": map[string]any{"http": "?"}}}
	s := plan.Snapshot{Key: reviewsKey, Settings: plan.Defaults, VirtualServices: []*unstructured.Unstructured{odd}}
	if got := plan.Rights(s, intent.Intent{}, nil); got != nil {
		t.Errorf("without a Service: %v", got)
	}
	s.Service = plainService()
	if got := plan.Rights(s, intent.Intent{}, nil); got != nil {
		t.Errorf("without a release: %v", got)
	}
	if got := plan.Rights(s, intent.Intent{End: intent.EndFinish}, &release.Spec{}); len(got) == 0 || got[0].Verb != "create" {
		t.Errorf("of an empty release: %v", got)
	}
}
