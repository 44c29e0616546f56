package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// deadRule gives v1 labels that no pod has, and its pods to another name.
const deadRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: evil}
spec:
  host: reviews.shop.svc.cluster.local
  subsets:
  - {name: v1, labels: {version: none}}
  - {name: stolen, labels: {version: v1}}
  - {name: dead, labels: {team: none}}
`

// deadRoute has one of ours before one to a subset without pods.
const deadRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mine, namespace: evil}
spec:
  hosts: [mine.example.com]
  gateways: [evil/mine]
  http:
  - route: [{destination: {host: reviews.shop.svc.cluster.local, subset: grayscale-original}}]
  - route: [{destination: {host: reviews.shop.svc.cluster.local, subset: dead}}]
`

// told gives the messages of the events that a plan has for the original, by reason.
func (c *cluster) told(reason string) string {
	var out []string
	for _, e := range plan.Make(c.snapshot(c.services[0]), c.now).Events {
		if e.Reason == reason {
			out = append(out, e.Message)
		}
	}
	return strings.Join(out, "\n")
}

// TestSubsetsThatOtherNamespacesKnow: what a rule elsewhere says of a subset neither
// holds the routes in the Service's namespace nor moves them, once a release is lost.
func TestSubsetsThatOtherNamespacesKnow(t *testing.T) {
	c := newCluster(t, reviews, subsetRoute, subsetRule)
	asks("weight=50")(c)
	c.settle()
	c.userApplies(deadRule)
	madeAnew(c)
	c.settle()
	if vs := c.get("VirtualService shop/reviews"); !sameSpec(t, vs.Object["spec"], subsetRoute) {
		c.fail("the Service's own routes are %v", vs.Object["spec"])
	}
	c.userDeletes("DestinationRule evil/mine")
	c.settle()
	if c.phase() != release.Routing {
		c.fail("the next release is %q", c.phase())
	}
	annotate("end=cancel")(c)
	c.settle()
	c.theEnd(release.Cancelled)
}

// TestADeadRouteElsewhere keeps its own requests, and with them the rule that it
// needs; the Service's own routes are let go of, and the next release, which is refused,
// says for what.
func TestADeadRouteElsewhere(t *testing.T) {
	c := newCluster(t, reviews, plainRoute, deadRule)
	asks("weight=50")(c)
	c.settle()
	madeAnew(c)
	c.put(parse(t, deadRoute)[0])
	c.settle()
	if vs := c.get("VirtualService shop/reviews"); route.HasOurs(vs) {
		c.fail("the Service's own routes are still %v", vs.Object["spec"])
	}
	if !route.HasOurs(c.get("VirtualService evil/mine")) || c.get("DestinationRule shop/grayscale-reviews") == nil {
		c.fail("requests of evil/mine have no subset any more")
	}
	if says := c.told("Refused"); !strings.Contains(says, "VirtualService evil/mine still has routes of the last release of Service shop/reviews, for its own name subset dead") {
		c.fail("it is refused with %q", says)
	}
	c.userDeletes("VirtualService evil/mine")
	c.settle()
	if c.phase() != release.Routing {
		c.fail("the next release is %q", c.phase())
	}
}

// TestADeadRouteOfTheService: one in the Service's own namespace holds the next release
// up, by its name and the subset's, until it can carry the requests.
func TestADeadRouteOfTheService(t *testing.T) {
	c := newCluster(t, reviews, subsetRoute, subsetRule)
	asks("traffic=grayscale")(c)
	c.settle()
	c.userDeletes("Deployment shop/reviews-v1")
	madeAnew(c)
	c.settle()
	next(c)
	c.settle()
	const says = "VirtualService shop/reviews, whose own name subset v1"
	if told := c.told("StartWaits"); c.phase() != "" || !strings.Contains(told, says) {
		c.fail("in phase %q, told %q", c.phase(), told)
	}
	c.edit("DestinationRule shop/reviews", func(spec map[string]any) {
		spec["subsets"] = append(slices.Clone(spec["subsets"].([]any)), map[string]any{"name": "v2", "labels": map[string]any{"version": "v2"}})
	})
	c.settle()
	if c.phase() != release.TakenOver {
		c.fail("the next release is %q", c.phase())
	}
}

// TestNotesElsewhereAreNotTakenOff: while such a route keeps the rules, what somebody
// elsewhere writes on the rule there, every second, gets no write of ours.
func TestNotesElsewhereAreNotTakenOff(t *testing.T) {
	c := newCluster(t, reviews, subsetRoute, subsetRule, rule("evil", "mine"))
	asks("traffic=grayscale")(c)
	c.settle()
	c.userDeletes("Deployment shop/reviews-v1")
	madeAnew(c)
	c.settle()
	before := c.writes
	for _, u := range c.list("DestinationRule", "evil") {
		if route.Ours(u) {
			c.refreshes(keyOf(u), 20, func() map[string]string { return map[string]string{intent.AnnotationUnused: c.at(0)} })
			if c.writes != before {
				c.fail("%s got %d writes", keyOf(u), c.writes-before)
			}
			return
		}
	}
	c.fail("no rule of ours is in evil")
}
