package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// What a tenant of namespace evil may write there, to look like ours for Service
// shop/reviews.

const forgedRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: grayscale-reviews
  namespace: evil
  labels: {grayscale.dev/service: reviews, grayscale.dev/namespace: shop}
spec:
  hosts: [reviews.shop.svc.cluster.local]
  exportTo: ["."]
  http:
  - route: [{destination: {host: reviews.shop.svc.cluster.local}}]
`

const forgedRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: grayscale-reviews
  namespace: evil
  labels: {grayscale.dev/service: reviews, grayscale.dev/namespace: shop}
  annotations: {grayscale.dev/unused: "2999-01-01T00:00:00Z", grayscale.dev/calm: "2999-01-01T00:00:00Z"}
spec:
  host: reviews.shop.svc.cluster.local
  exportTo: ["."]
`

// keptRule is one that a finalizer of the tenant's keeps.
var keptRule = strings.Replace(forgedRule, "  annotations:", "  deletionTimestamp: \"2026-11-23T00:00:00Z\"\n  finalizers: [evil/hold]\n  annotations:", 1)

// TestATenantTakesNothingOver: objects of another namespace with our labels and
// names neither stand for ours nor keep a release from starting or ending.
func TestATenantTakesNothingOver(t *testing.T) {
	t.Run("a route is the tenant's own", func(t *testing.T) {
		c := newCluster(t, reviews)
		c.userApplies(forgedRoute)
		asks("weight=50")(c)
		c.settle()
		if c.get("VirtualService shop/grayscale-reviews") == nil {
			c.fail("the forged one stands for ours, and callers elsewhere have no route")
		}
		annotate("end=cancel")(c)
		c.settle()
		c.leftNothing(t)
		if forged := c.get("VirtualService evil/grayscale-reviews"); forged == nil || !sameSpec(t, forged.Object["spec"], forgedRoute) {
			c.fail("the tenant's route is %v", forged)
		}
	})
	for name, rule := range map[string]string{"a rule": forgedRule, "a rule that is kept": keptRule} {
		t.Run(name+" holds nothing up", func(t *testing.T) {
			c := newCluster(t, reviews, plainRoute)
			c.put(parse(t, rule)[0])
			asks("weight=50")(c)
			c.goOn(5 * time.Minute)
			if c.phase() != release.Routing {
				c.fail("the release is %q", c.phase())
			}
			annotate("end=cancel")(c)
			c.settle()
			c.leftNothing(t)
		})
	}
}

// leftNothing checks that nothing of a release is left in the Service's own namespace.
func (c *cluster) leftNothing(t *testing.T) {
	t.Helper()
	for _, key := range []string{"VirtualService shop/grayscale-reviews", "DestinationRule shop/grayscale-reviews", "Deployment shop/reviews-v2"} {
		if c.get(key) != nil || c.phase() != "" {
			c.fail("%s is left, in phase %q", key, c.phase())
		}
	}
}

func sameSpec(t *testing.T, spec any, manifest string) bool {
	t.Helper()
	return readable(t, spec) == readable(t, parse(t, manifest)[0].Object["spec"])
}
