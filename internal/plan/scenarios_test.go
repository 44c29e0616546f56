package plan_test

import (
	"slices"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var (
	plain  = []string{reviews, plainRoute}
	subset = []string{reviews, subsetRoute, subsetRule}
	none   = []string{reviews}
	strict = []string{reviews, plainRoute, strictRule}
)

// scenarios are whole stories; what the controller writes in each is in
// testdata/scenarios.
var scenarios = []scenario{
	// From the first annotation to the end.
	{"finish: a route without a subset", plain, wholeWay, release.Finished},
	{"finish: a route to subset v1", subset, wholeWay, release.Finished},
	{"finish: no VirtualService", none, wholeWay, release.Finished},
	{"finish: a gateway and the mesh", []string{reviews, gatewayRoute, plainRoute}, wholeWay, release.Finished},
	{"finish: a gateway alone", []string{reviews, gatewayRoute}, wholeWay, release.Finished},
	{"finish: a strict subset", strict, wholeWay, release.Finished},
	{"finish: all the way by itself", plain, []step{asks("traffic=grayscale", "end=finish")}, release.Finished},
	{"finish: the clone is the next original", subset, append(wholeWay[:6:6], next, func(c *cluster) { c.annotate("shop/reviews-v2", "end=finish") }), release.Finished},
	{"finish: three versions under the Service", bookinfo, []step{asks("version=v4", "image=4.0", "weight=50"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"cancel: a route without a subset", plain, back, release.Cancelled},
	{"cancel: a route to subset v1", subset, back, release.Cancelled},
	{"cancel: no VirtualService", none, back, release.Cancelled},
	{"cancel: three versions under the Service", bookinfo, []step{asks("version=v4", "image=4.0", "weight=50"), annotate("end=cancel")}, release.Cancelled},
	{"cancel: an image that never becomes ready", plain, []step{asks("image=2.0-crash", "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"cancel: at once", plain, []step{asks("end=cancel")}, release.Cancelled},
	{"cancel: while finishing", plain, []step{asks("traffic=grayscale"), finishingThen("end=cancel")}, release.Cancelled},
	{"cancel: and once more under another name", plain, []step{asks("weight=50"), annotate("end=cancel"), asks("release=again", "weight=5", "end-"), annotate("end=cancel")}, release.Cancelled},
	{"cancel: the intent removed", plain, []step{asks("weight=50"), annotate("release-", "image-", "version-", "finish-", "weight-")}, release.Cancelled},

	// What is asked changes.
	{"policy: up and down", subset, []step{asks("weight=10"), annotate("weight=50"), annotate("weight=100"), annotate("weight=25"), annotate("traffic=original"), annotate("traffic=policy")}, ""},
	{"policy: nothing new is asked", plain, []step{asks("weight=10"), annotate("by=jane"), annotate("accept=undersized")}, ""},
	{"renamed: cancel, then that one", plain, []step{asks("weight=50"), annotate("release=another"), annotate("end=cancel")}, release.Cancelled},
	{"undersized: a take-over waits", plain, []step{asks("replicas=1", "weight=50"), annotate("traffic=grayscale"), annotate("accept=undersized")}, ""},
	{"unfit: refused and nothing is written", plain, []step{asks("weight=101", "version=v1")}, ""},
	{"unfit: mid-way, the policy stays", plain, []step{asks("weight=10"), annotate("weight=101"), annotate("weight=20")}, ""},
	{"spent: the same intent comes back", plain, []step{asks("weight=50"), annotate("end=cancel"), asks("weight=50", "end-")}, ""},
	{"managed: an autoscaler refers to the original", plain, []step{asks("traffic=grayscale"), applies(autoscaler), annotate("end=finish"), deletes("HorizontalPodAutoscaler shop/reviews"), annotate("by=jane")}, release.Finished},

	// Somebody else asks for the Service.
	{"race: two ask at once", []string{reviews, another("v3"), subsetRoute, subsetRule}, []step{both, annotate("end=cancel")}, release.Cancelled},
	{"race: one asks while another runs", []string{reviews, another("v3"), subsetRoute, subsetRule}, []step{asks("weight=5"), late, annotate("end=cancel")}, release.Cancelled},
	{"two releases in one VirtualService", []string{reviews, ratings, bothRoute}, []step{asks("weight=10"), asksRatings("weight=50"), annotate("traffic=grayscale"), annotate("end=finish"), func(c *cluster) { c.annotate("shop/ratings", "end=cancel") }}, release.Finished},

	// Somebody meddles.
	{"lost: the pods fail, Envoy fails over", plain, []step{asks("weight=50"), sick("v2"), well("v2")}, ""},
	{"lost: the pods fail, the subset is strict", strict, []step{asks("weight=50"), sick("v2"), well("v2")}, ""},
	{"lost: the pods fail, and no traffic is asked for", plain, []step{asks(), sick("v2"), well("v2")}, ""},
	{"lost: the clone is deleted", plain, []step{asks("weight=50"), deletes("Deployment shop/reviews-v2")}, ""},
	{"lost: the clone is scaled away", plain, []step{asks("weight=50"), func(c *cluster) { c.scale("shop/reviews-v2", 0) }}, ""},
	{"lost: the original fails", plain, []step{asks("weight=50"), sick("v1"), well("v1")}, ""},
	{"original deleted: holding all traffic", subset, []step{asks("traffic=grayscale"), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original deleted: under a partial policy", plain, []step{asks("weight=50"), deletes("Deployment shop/reviews-v1"), original}, ""},
	{"edited: the user's route", plain, []step{asks("weight=50"), func(c *cluster) { c.editRoute() }, annotate("end=cancel")}, release.Cancelled},
	{"edited: the user's route is applied again", plain, []step{asks("weight=50"), func(c *cluster) { c.userReapplies("VirtualService shop/reviews") }, annotate("end=cancel")}, release.Cancelled},
	{"edited: the user's rule", subset, []step{asks("weight=50"), func(c *cluster) { c.editRule() }, annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"edited: the user's rule and route are applied again before the routes move", subset, []step{asks("traffic=grayscale"), lastMoment}, release.Finished},
	{"edited: a VirtualService appears", none, []step{asks("weight=50"), applies(plainRoute), annotate("end=cancel")}, release.Cancelled},
	{"edited: a VirtualService appears in another namespace", plain, []step{asks("weight=50"), applies(gatewayRoute), annotate("weight=60"), annotate("end=cancel")}, release.Cancelled},
	{"edited: the user's route is deleted", plain, []step{asks("weight=50"), deletes("VirtualService shop/reviews"), annotate("end=cancel")}, release.Cancelled},
	{"service deleted", plain, []step{asks("weight=50"), deletes("Service shop/reviews")}, ""},
}

var bookinfo = []string{reviews, another("v2"), another("v3"), bookinfoRoute, bookinfoRule}

const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: reviews, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: reviews-v1}}
`

// next releases what the last release left.
func next(c *cluster) {
	c.annotate("shop/reviews-v2", "release=reviews-v3", "image=3.0", "version=v3", "finish=replace", "traffic=grayscale")
}

// both let two Deployments ask before the controller looks.
func both(c *cluster) {
	late(c)
	asks()(c)
}

func late(c *cluster) {
	c.annotate("shop/reviews-v3", "release=late", "image=5.0", "version=v5", "finish=replace")
}

func asksRatings(more ...string) step {
	return func(c *cluster) {
		c.annotate("shop/ratings", append([]string{"release=ratings-v2", "image=2.0", "version=v2", "finish=replace"}, more...)...)
	}
}

// finishingThen asks for the finish and writes once it has begun.
func finishingThen(pairs ...string) step {
	return func(c *cluster) {
		c.annotate("shop/reviews-v1", "end=finish")
		c.until(func() bool { return c.phase() == release.Finishing })
		c.annotate("shop/reviews-v1", pairs...)
	}
}

// lastMoment finishes, and takes the appended subset and our routes away just
// before the user's routes would be moved to it.
func lastMoment(c *cluster) {
	c.annotate("shop/reviews-v1", "end=finish")
	c.until(func() bool { s := c.claim(c.services[0]); return s != nil && s.Steps.Done(release.StepGone) })
	c.goOn(c.settings.Propagation - time.Second)
	c.userApplies(subsetRule, subsetRoute)
}

func applies(manifests ...string) step { return func(c *cluster) { c.userApplies(manifests...) } }
func deletes(key string) step          { return func(c *cluster) { c.userDeletes(key) } }
func sick(version string) step         { return func(c *cluster) { c.sicken(version, true) } }
func well(version string) step         { return func(c *cluster) { c.sicken(version, false) } }

// original makes the original again, without its intent.
func original(c *cluster) {
	_, deployment, _ := cutDocument(reviews)
	c.userApplies(deployment)
}

// all are the scenarios of every kind.
func all() []scenario {
	return slices.Concat(scenarios, policies, inPlaces, midways, unreadables, under)
}
