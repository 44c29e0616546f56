package plan_test

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// meddling is what somebody does in the midst of a release.
type meddling struct {
	name string
	do   step
	// then is what is done once the controller has come to rest, before the
	// release is cancelled.
	then step
}

var meddlings = []meddling{
	{name: "cancel", do: annotate("end=cancel")},
	{name: "the intent removed", do: annotate("release-", "image-", "version-", "finish-", "weight-", "traffic-", "end-")},
	{name: "the release renamed", do: annotate("release=another", "end-", "traffic-"), then: func(c *cluster) { c.annotate("shop/reviews-v1", "end=cancel") }},
	{name: "all traffic to the original", do: annotate("traffic=original", "end-")},
	{name: "all traffic to the clone", do: annotate("traffic=grayscale", "end-")},
	{name: "the user's route applied again", do: func(c *cluster) { c.userReapplies("VirtualService shop/reviews") }},
	{name: "the user's route edited", do: func(c *cluster) { c.editRoute() }},
	{name: "the user's route deleted", do: func(c *cluster) { c.userDeletes("VirtualService shop/reviews") }},
	{name: "the user's rule edited", do: func(c *cluster) { c.editRule() }},
	{name: "a rule of the user's appears", do: func(c *cluster) { c.addRule() }},
	{name: "our rule deleted", do: func(c *cluster) { c.userDeletes("DestinationRule shop/grayscale-reviews") }},
	{name: "the clone deleted", do: func(c *cluster) { c.userDeletes("Deployment shop/reviews-v2") }},
	{name: "the clone scaled to 0", do: func(c *cluster) { c.scale("shop/reviews-v2", 0) }},
	{name: "the clone's pods fail", do: func(c *cluster) { c.sicken("v2", true) }, then: func(c *cluster) { c.sicken("v2", false) }},
	{name: "the original's pods fail", do: func(c *cluster) { c.sicken("v1", true) }, then: func(c *cluster) { c.sicken("v1", false) }},
	{name: "the original rolled out", do: func(c *cluster) {
		excused(c)
		rolls("reviews-v1", "a limit", withLimit)(c)
	}},
	{name: "the original rolled out, and its pods crash", do: func(c *cluster) {
		excused(c)
		rolls("reviews-v1", "a bad image", withImage("shop/reviews:1.1-crash"))(c)
	}, then: rolls("reviews-v1", "undo", withImage("shop/reviews:1.0"))},
	{name: "the original scaled by an autoscaler", do: hpa("reviews-v1", 6), then: hpa("reviews-v1", 2)},
	{name: "a third version appears", do: applies(another("v9"))},
	{name: "the Service restored", do: madeAnew},
	{name: "other rules asked", do: annotate(beta, "end-", "traffic-")},
	{name: "a mirror asked", do: annotate("mirror=50", "weight=0", "end-", "traffic-")},
	{name: "another way to the pods", do: ways(ingress), then: ways()},
	{name: "the original scaled up", do: func(c *cluster) { c.scale("shop/reviews-v1", 6) }},
	{name: "the original deleted", do: func(c *cluster) { c.userDeletes("Deployment shop/reviews-v1") }, then: func(c *cluster) {
		if c.phase() != "" && c.get("Deployment shop/reviews-v1") == nil {
			_, original, _ := cutDocument(reviews)
			c.userApplies(original) // made again without its intent: that cancels
		}
	}},
	{name: "the Service made anew", do: func(c *cluster) {
		c.userDeletes("Service shop/reviews")
		service, _, _ := cutDocument(reviews)
		c.userApplies(service)
	}},
	{name: "the Service deleted", do: func(c *cluster) { c.userDeletes("Service shop/reviews") }, then: func(c *cluster) {
		if c.get("Service shop/reviews") == nil {
			service, _, _ := cutDocument(reviews)
			c.userApplies(service)
		}
	}},
}

// TestMeddling lets somebody act right after each write of a whole release,
// between two writes of one pass too. Whatever comes of it, nothing happens on
// the way that may not, and the release can be ended cleanly.
func TestMeddling(t *testing.T) {
	for _, j := range journeys {
		for which, m := range meddlings {
			t.Run(j.name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				writes := j.run(t, nil).writes
				for n := 1 + which%(every*j.thin); n < writes; n += every * j.thin {
					meddleAt(t, j.scenario, m, n)
				}
			})
		}
	}
}

// journey is a whole release that is meddled with after every write, or after
// every so many.
type journey struct {
	scenario
	thin int
}

var journeys = []journey{
	{scenario{"a route without a subset", plain, shortWay, ""}, 6},
	{scenario{"a route to subset v1", subset, shortWay, ""}, 6},
	{scenario{"no VirtualService", none, shortWay, ""}, 6},
	{scenario{"a strict subset", strict, shortWay, ""}, 6},
	{scenario{"content rules", plain, contentWay, ""}, 29},
	{scenario{"content rules to subset v1", subset, contentWay, ""}, 29},
	{scenario{"content rules on a strict subset", strict, contentWay, ""}, 29},
	{scenario{"a mirror", plain, mirrorWay, ""}, 29},
	{scenario{"a mirror without a VirtualService", none, mirrorWay, ""}, 29},
	{scenario{"blue-green", plain, greenWay, ""}, 29},
	{scenario{"a patch", plain, patchWay, ""}, 29},
	{scenario{"in place", []string{renewable, plainRoute}, inPlace, ""}, 13},
	{scenario{"in place to subset v1", []string{renewable, subsetRoute, subsetRule}, inPlace, ""}, 13},
	{scenario{"in place on a strict subset", hereStrict, inPlace, ""}, 13},
	{scenario{"in place by Helm", []string{helms, plainRoute}, append(inPlace[:3:3], rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0"))), ""}, 29},
}

// The ways of other policies, each to its end.
var (
	contentWay = []step{asks(jason), annotate(jasonOr, "weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}
	mirrorWay  = []step{asks("mirror=10"), annotate("mirror=100", jason), annotate("mirror-", "traffic=grayscale"), annotate("end=finish")}
	greenWay   = []step{asks("form=blue-green"), annotate("traffic=grayscale"), annotate("traffic=original"), annotate("traffic=grayscale", "end=finish")}
	patchWay   = []step{patches("weight=10"), annotate("traffic=grayscale", "end=finish")}
)

func meddleAt(t *testing.T, s scenario, m meddling, n int) {
	t.Helper()
	c := s.run(t, func(c *cluster) {
		c.afterWrite = func() {
			if c.writes == n {
				before := c.version
				m.do(c)
				c.pointless = c.version == before
			}
		}
	})
	if c.pointless {
		return
	}
	c.afterWrite = nil
	c.settle()
	if m.then != nil {
		m.then(c)
		c.settle()
	}
	c.annotate("shop/reviews-v1", "end=cancel")
	c.settle()
	c.theEnd("")
	for _, d := range c.list("Deployment", "shop") {
		if d.GetName() == "reviews-v2" && c.get("Deployment shop/reviews-v1") != nil && c.get("Service shop/reviews") != nil {
			c.fail("both versions are there after the end")
		}
	}
	if c.phase() != release.Phase("") {
		c.fail("the release goes on in phase %s", c.phase())
	}
}
