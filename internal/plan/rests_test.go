package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// freezes has the API server refuse what we write in a namespace; "" ends that.
func freezes(namespace string) step {
	return func(c *cluster) {
		c.say("world   namespace %q is frozen", namespace)
		c.frozen = namespace
	}
}

// edgeRule is a rule for the Service that callers of namespace edge see, so that
// they need one of ours beside it.
const edgeRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: edge}
spec:
  host: reviews.shop.svc.cluster.local
  exportTo: ["."]
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 10}}}
`

// TestANamespaceThatTakesNoWrite keeps nothing from leaving the grayscale version
// elsewhere, and the release from its end only as long as routes there lead to it.
func TestANamespaceThatTakesNoWrite(t *testing.T) {
	t.Run("of a route", func(t *testing.T) {
		c := newCluster(t, reviews, plainRoute, gatewayRoute)
		asks("weight=50")(c)
		c.settle()
		freezes("edge")(c)
		annotate("end=cancel")(c)
		c.goOn(5 * time.Minute)
		if got := c.live("VirtualService shop/reviews"); got != 0 {
			c.fail("the Service's own route still gives %v", got)
		}
		if c.get("Deployment shop/reviews-v2") == nil || c.phase().Ended() {
			c.fail("the clone is gone, and a route leads to it")
		}
		freezes("")(c)
		c.settle()
		c.leftNothing(t)
	})
	t.Run("of a rule that new subsets need", func(t *testing.T) {
		c := newCluster(t, reviews, plainRoute, edgeRule)
		freezes("edge")(c)
		asks("weight=50")(c)
		c.goOn(5 * time.Minute)
		const says = ", by which callers in namespace edge go, has not had them"
		if p := plan.Make(c.snapshot(c.services[0]), c.now); route.HasOurs(c.get("VirtualService shop/reviews")) || !strings.Contains(p.Holds, says) {
			c.fail("callers in edge have no subset, and what is waited for is %q", p.Holds)
		}
		annotate("end=cancel")(c)
		c.goOn(5 * time.Minute)
		c.leftNothing(t)
		freezes("")(c)
		asks("release=again", "weight=50", "end-")(c)
		c.settle()
		if c.phase() != release.Routing {
			c.fail("the next release is %q", c.phase())
		}
	})
	for how, ends := range map[string]step{"a release that is cancelled": annotate("end=cancel"), "one whose Service is deleted": deletes("Service shop/reviews")} {
		t.Run("of the first of two rules of "+how, func(t *testing.T) {
			c := newCluster(t, reviews, plainRoute, edgeRule, strings.Replace(edgeRule, "namespace: edge", "namespace: zone", 1))
			asks("weight=50")(c)
			c.settle()
			freezes("edge")(c)
			ends(c)
			c.goOn(5 * time.Minute)
			if slices.ContainsFunc(c.list("DestinationRule", "zone"), route.Ours) {
				c.fail("the rule in zone is left")
			}
			freezes("")(c)
			c.settle()
			c.theEnd("")
		})
	}
	t.Run("of a rule", func(t *testing.T) {
		c := newCluster(t, reviews, plainRoute)
		asks("weight=50")(c)
		c.settle()
		freezes("edge")(c)
		c.userApplies(edgeRule)
		c.goOn(time.Minute)
		annotate("weight=10")(c)
		c.goOn(time.Minute)
		if got := c.live("VirtualService shop/reviews"); got != 1000 {
			c.fail("the route gives %v, and 10 %% were asked", got)
		}
		annotate("end=cancel")(c)
		c.goOn(5 * time.Minute)
		if c.phase() != release.Phase("") {
			c.fail("the release is %s", c.phase())
		}
		c.leftNothing(t)
	})
}

// live is what a VirtualService's routes give the grayscale version; the most of them.
func (c *cluster) live(key string) (most intent.Weight) {
	for _, l := range route.Read(c.get(key)) {
		most = max(most, l.Max)
	}
	return most
}
