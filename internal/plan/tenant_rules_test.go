package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// rule is one of somebody's for the host, with a subset.
func rule(namespace, subset string) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mine, namespace: %s}
spec:
  host: reviews.shop.svc.cluster.local
  subsets: [{name: %s, labels: {version: v1}}]
`, namespace, subset)
}

// TestSomebodysReservedSubset: whoever gives a subset of his one of our names while a
// release runs keeps our routes from nobody, once the Service is made anew: they go
// before the rules that they need.
func TestSomebodysReservedSubset(t *testing.T) {
	for _, namespace := range []string{"evil", "shop"} {
		for _, subset := range []string{"grayscale-x", route.SubsetOriginal, route.SubsetVersion} {
			t.Run(namespace+"/"+subset, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, reviews, plainRoute, gatewayRoute)
				asks("weight=50")(c)
				c.settle()
				c.userApplies(rule(namespace, subset))
				madeAnew(c)
				c.settle()
				c.theEnd("")
			})
		}
	}
}

// TestTheUsersOwnReservedSubset: where no release of ours was, the names are the
// user's, and so are the routes; for callers of another namespace they are not.
func TestTheUsersOwnReservedSubset(t *testing.T) {
	named := strings.ReplaceAll(subsetRoute, "subset: v1", "subset: "+route.SubsetOriginal)
	for namespace, users := range map[string]bool{"shop": true, "istio-system": true, "evil": false} {
		c := newCluster(t, reviews, named, rule(namespace, route.SubsetOriginal))
		key := "VirtualService shop/reviews"
		before := c.get(key)
		s := c.snapshot(c.services[0])
		p := plan.Make(s, c.now)
		touched := slices.ContainsFunc(p.Changes, func(ch plan.Change) bool { return ch.Before != nil && sameObject(ch.Before, before) })
		if touched == users {
			t.Errorf("a rule in %s: the route is changed: %t", namespace, touched)
		}
	}
}

// refreshes lets somebody write annotations on a rule each second, while the
// controller goes on.
func (c *cluster) refreshes(key string, seconds int, write func() map[string]string) {
	for range seconds {
		if u := c.get(key); u != nil {
			u = u.DeepCopy()
			annotations := u.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			for k, v := range write() {
				annotations[k] = v
			}
			u.SetAnnotations(annotations)
			c.put(u)
		}
		c.goOn(time.Second)
	}
}

func (c *cluster) at(later time.Duration) string { return c.now.Add(later).Format(time.RFC3339Nano) }

// TestNotesElsewhereHoldNothing: a rule in another namespace that looks like ours, its
// notes fresh all the while, keeps no release from its start or its end, and goes once
// nobody writes it any more.
func TestNotesElsewhereHoldNothing(t *testing.T) {
	c := newCluster(t, reviews, plainRoute)
	forged, key := parse(t, forgedRule)[0], "DestinationRule evil/grayscale-reviews"
	notes := func() map[string]string {
		return map[string]string{intent.AnnotationUnused: c.at(0), intent.AnnotationCalm: c.at(0), intent.AnnotationGone: c.at(0)}
	}
	c.put(forged)
	c.refreshes(key, 5, notes)
	asks("weight=50")(c)
	c.refreshes(key, 60, notes)
	if c.phase() != release.Routing {
		c.fail("the release is %q", c.phase())
	}
	annotate("end=cancel")(c)
	for range 120 {
		c.put(forged)
		c.refreshes(key, 1, notes)
	}
	c.leftNothing(t)
	c.settle()
	c.theEnd(release.Cancelled)
}

// TestAStartThatWaitsSaysSo: notes on what is left in the Service's own namespace do
// hold the next start up, and its requester is told by what.
func TestAStartThatWaitsSaysSo(t *testing.T) {
	c := newCluster(t, reviews, plainRoute)
	c.put(parse(t, strings.ReplaceAll(forgedRule, "namespace: evil", "namespace: shop"))[0])
	asks("weight=50")(c)
	c.goOn(time.Second)
	p := plan.Make(c.snapshot(c.services[0]), c.now)
	const says = "DestinationRule shop/grayscale-reviews"
	told := slices.ContainsFunc(p.Events, func(e plan.Event) bool {
		return e.On.GetName() == "reviews-v1" && e.Reason == "StartWaits" && strings.Contains(e.Message, says)
	})
	if c.phase() != "" || !told || !strings.Contains(p.Holds, says) {
		c.fail("in phase %q: holds %q, events %v", c.phase(), p.Holds, p.Events)
	}
	c.settle()
	if c.phase() != release.Routing {
		c.fail("the release is %q", c.phase())
	}
}

// TestForgedTimes: a time on a rule of ours in another namespace that somebody writes
// anew each second, in the future or not, holds a start up by one propagation delay,
// and no way back; so does one in the future on the rule beside the Service. Nor does
// what he notes there take the rule away too early, or keep it.
func TestForgedTimes(t *testing.T) {
	for _, later := range []time.Duration{0, 4 * time.Minute} {
		t.Run("elsewhere, "+later.String(), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, reviews, plainRoute, rule("evil", "mine"))
			forge := func(n int) {
				for range n {
					for _, u := range c.list("DestinationRule", "evil") {
						if route.Ours(u) {
							u = u.DeepCopy()
							u.SetAnnotations(map[string]string{intent.AnnotationWritten: c.at(later), intent.AnnotationUnused: c.at(-later)})
							c.put(u)
						}
					}
					c.goOn(time.Second)
				}
			}
			asks("traffic=grayscale")(c)
			forge(90)
			if c.phase() != release.TakenOver {
				c.fail("the release is %q", c.phase())
			}
			annotate("traffic=original")(c)
			forge(30)
			if c.phase() != release.Ready {
				c.fail("the release is %q", c.phase())
			}
			deletes("Service shop/reviews")(c)
			forge(10)
			if !slices.ContainsFunc(c.list("DestinationRule", "evil"), route.Ours) {
				c.fail("callers in evil have no subset, and may still go by the routes")
			}
			c.goOn(c.settings.Propagation)
			if slices.ContainsFunc(c.list("DestinationRule", "evil"), route.Ours) {
				c.fail("the rule in evil outlives the last forgery by more than the delay")
			}
			c.theEnd("")
		})
	}
	t.Run("beside the Service", func(t *testing.T) {
		c := newCluster(t, reviews, plainRoute)
		asks("weight=50")(c)
		key := "DestinationRule shop/grayscale-reviews"
		c.until(func() bool { return c.get(key) != nil })
		forged := c.get(key).DeepCopy()
		forged.SetAnnotations(map[string]string{intent.AnnotationWritten: c.at(4 * time.Minute)})
		c.put(forged)
		c.goOn(time.Second)
		if p := plan.Make(c.snapshot(c.services[0]), c.now); !strings.Contains(p.Holds, key) {
			c.fail("holds %q", p.Holds)
		}
		c.goOn(c.settings.Propagation)
		if c.phase() == release.Pending {
			c.fail("the release waits for the forged time")
		}
	})
}

// TestARuleElsewhereThatIsWrittenLate: one that gets a subset some seconds after the
// others, for the API server did not take it, is waited for: its callers know the
// subset before a route names it.
func TestARuleElsewhereThatIsWrittenLate(t *testing.T) {
	c := newCluster(t, reviews, plainRoute, rule("evil", "mine"))
	asks()(c)
	c.settle()
	ours := slices.IndexFunc(c.list("DestinationRule", "evil"), func(u *unstructured.Unstructured) bool { return route.Ours(u) })
	before := c.list("DestinationRule", "evil")[ours]
	annotate("mirror=50")(c)
	mirrors := func(key string) bool {
		return slices.Contains(route.SubsetNames(c.get(key)), route.SubsetMirror)
	}
	c.until(func() bool { return mirrors(keyOf(before)) && mirrors("DestinationRule shop/grayscale-reviews") })
	c.put(before)
	c.advance(10 * time.Second)
	c.until(func() bool { return mirrors(keyOf(before)) })
	written := c.now
	c.until(func() bool {
		return slices.Contains(route.SubsetsOf(c.get("VirtualService shop/reviews"), c.services[0]), route.SubsetMirror)
	})
	if waited := c.now.Sub(written); waited != c.settings.Propagation {
		c.fail("a route names the subset %s after the last rule got it", waited)
	}
}
