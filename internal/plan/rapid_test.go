package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// acts are what users and accidents do to a release, in any order and at any
// time. Each is fit for any state of the cluster.
var acts = map[string]func(*rapid.T, *cluster){
	"weight": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", fmt.Sprintf("weight=%d", rapid.IntRange(0, 100).Draw(t, "weight")))
	},
	"traffic": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", "traffic="+rapid.SampledFrom([]string{"policy", "grayscale", "original"}).Draw(t, "traffic"))
	},
	"match": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", rapid.SampledFrom([]string{jason, jasonOr, beta, internal, "match-"}).Draw(t, "match"))
	},
	"mirror": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", rapid.SampledFrom([]string{"mirror=5", "mirror=100", "mirror-"}).Draw(t, "mirror"), "weight=0")
	},
	"accept": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", rapid.SampledFrom([]string{"accept=undersized", "accept=managed, undersized", "accept-"}).Draw(t, "accept"))
	},
	"roll out": func(t *rapid.T, c *cluster) {
		c.changeTemplate("shop/reviews-v1", "settings", rapid.SampledFrom([]func(map[string]any){withLimit, withImage("shop/reviews:1.1"), withImage("shop/reviews:1.0")}).Draw(t, "how"))
	},
	"jam":   func(_ *rapid.T, c *cluster) { jammed(c, true) },
	"unjam": func(_ *rapid.T, c *cluster) { jammed(c, false) },
	"autoscale": func(t *rapid.T, c *cluster) {
		c.autoscales("shop/reviews-v1", rapid.Int64Range(1, 6).Draw(t, "replicas"))
	},
	"autoscale clone": func(t *rapid.T, c *cluster) {
		c.userApplies(cloneScaler)
		c.autoscales("shop/reviews-v2", rapid.Int64Range(1, 6).Draw(t, "replicas"))
	},
	"third version": func(_ *rapid.T, c *cluster) { c.userApplies(another("v9")) },
	"restore":       func(_ *rapid.T, c *cluster) { madeAnew(c) },
	"replicas": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", "replicas="+rapid.SampledFrom([]string{"auto", "1", "3", "6"}).Draw(t, "replicas"))
	},
	"finish":        func(_ *rapid.T, c *cluster) { c.annotate("shop/reviews-v1", "end=finish") },
	"do not finish": func(_ *rapid.T, c *cluster) { c.annotate("shop/reviews-v1", "end-") },
	"rename": func(t *rapid.T, c *cluster) {
		c.annotate("shop/reviews-v1", "release="+rapid.SampledFrom([]string{"other", "further"}).Draw(t, "release"))
	},
	"reapply route":   func(_ *rapid.T, c *cluster) { c.userReapplies("VirtualService shop/reviews") },
	"edit route":      func(_ *rapid.T, c *cluster) { c.editRoute() },
	"edit rule":       func(_ *rapid.T, c *cluster) { c.editRule() },
	"add rule":        func(_ *rapid.T, c *cluster) { c.addRule() },
	"add gateway":     func(_ *rapid.T, c *cluster) { c.userApplies(gatewayRoute) },
	"reapply rule":    func(_ *rapid.T, c *cluster) { c.userReapplies("DestinationRule shop/reviews") },
	"take over":       func(_ *rapid.T, c *cluster) { c.annotate("shop/reviews-v1", "traffic=grayscale", "end=finish") },
	"delete original": func(_ *rapid.T, c *cluster) { c.userDeletes("Deployment shop/reviews-v1") },
	"cancel":          func(_ *rapid.T, c *cluster) { c.annotate("shop/reviews-v1", "end=cancel") },
	"delete route":    func(_ *rapid.T, c *cluster) { c.userDeletes("VirtualService shop/reviews") },
	"delete our rule": func(_ *rapid.T, c *cluster) { c.userDeletes("DestinationRule shop/grayscale-reviews") },
	"delete clone":    func(_ *rapid.T, c *cluster) { c.userDeletes("Deployment shop/reviews-v2") },
	"scale clone":     func(t *rapid.T, c *cluster) { c.scale("shop/reviews-v2", rapid.Int64Range(0, 5).Draw(t, "replicas")) },
	"scale original":  func(t *rapid.T, c *cluster) { c.scale("shop/reviews-v1", rapid.Int64Range(1, 6).Draw(t, "replicas")) },
	"sick":            func(_ *rapid.T, c *cluster) { c.sicken("v2", true) },
	"well":            func(_ *rapid.T, c *cluster) { c.sicken("v2", false) },
	"die":             func(t *rapid.T, c *cluster) { c.crashAt = c.writes + rapid.IntRange(1, 3).Draw(t, "writes") },
}

// jammed keeps new pods of the original from starting, or lets them.
func jammed(c *cluster, stuck bool) {
	switch {
	case !stuck:
		unjam("reviews-v1")(c)
	case c.get("Deployment shop/reviews-v1") != nil:
		jam("reviews-v1")(c)
	}
}

// TestAnything does anything in any order, and waits any time between: nothing
// happens on the way that may not, and in the end a cancel leaves nothing behind.
func TestAnything(t *testing.T) {
	worlds := [][]string{
		plain, subset, none, strict, {reviews, gatewayRoute, plainRoute}, {reviews, ratings, mirrorRoute},
		{renewable, plainRoute}, {renewable, subsetRoute, subsetRule}, hereStrict, {helms, plainRoute}, {renewable},
	}
	starts := [][]string{{}, {jason}, {jasonOr, "weight=20"}, {"mirror=40"}, {settings}, {"form=blue-green"}}
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(t, rapid.SampledFrom(worlds).Draw(t, "world")...)
		c.webhook = rapid.Bool().Draw(t, "webhook")
		asks(append([]string{"finish-", fmt.Sprintf("weight=%d", rapid.IntRange(0, 100).Draw(t, "weight"))}, rapid.SampledFrom(starts).Draw(t, "start")...)...)(c)
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			c.goOn(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "in the midst") {
				c.turn()
			}
			acts[rapid.SampledFrom(sorted(acts)).Draw(t, "act")](t, c)
		}
		c.sicken("v2", false)
		jammed(c, false)
		c.settle()
		if c.get("Deployment shop/reviews-v1") == nil && (c.phase() != "" || c.carried()) {
			original(c) // without its intent, which cancels
		}
		final := []string{"end=cancel", "accept=managed,undersized"} // it may be past return, and held
		if claim := c.claim(reviewsKey); claim != nil {
			final = append(final, "release="+claim.Task) // a risk of another's is not its own
		}
		c.annotate("shop/reviews-v1", final...)
		c.settle()
		c.theEnd("")
		if c.phase() != release.Phase("") {
			c.fail("the release goes on in phase %s", c.phase())
		}
	})
}

// carried says whether routes of ours carry requests, whether or not there is a
// release: until the user's own can.
func (c *cluster) carried() bool {
	return slices.ContainsFunc(c.list("VirtualService", ""), route.HasOurs)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
