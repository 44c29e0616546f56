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
	worlds := map[string][]string{
		"a route without a subset": {reviews, plainRoute},
		"a route to subset v1":     {reviews, subsetRoute, subsetRule},
		"no VirtualService":        {reviews},
		"a strict subset":          {reviews, plainRoute, strictRule},
	}
	for where, world := range worlds {
		for which, m := range meddlings {
			t.Run(where+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				writes := scenario{world: world, steps: shortWay}.run(t, nil).writes
				for n := 1 + which%every; n < writes; n += every {
					meddleAt(t, world, m, n)
				}
			})
		}
	}
}

func meddleAt(t *testing.T, world []string, m meddling, n int) {
	t.Helper()
	c := scenario{world: world, steps: shortWay}.run(t, func(c *cluster) {
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
