package plan_test

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// midways are what can happen to a release while it runs.
var midways = []scenario{
	{"clone deleted: under content rules and a weight", plain, []step{asks(jason, "weight=50"), deletes("Deployment shop/reviews-v2")}, ""},
	{"clone deleted: mirrored to", plain, []step{asks("mirror=50"), deletes("Deployment shop/reviews-v2")}, ""},
	{"clone deleted: on a strict subset", strict, []step{asks(jason), deletes("Deployment shop/reviews-v2")}, ""},
	{"clone deleted: holding all traffic", subset, []step{asks("traffic=grayscale"), deletes("Deployment shop/reviews-v2")}, ""},
	{"clone deleted: before it is ready", plain, []step{asks("image=2.0-crash", "weight=10"), deletes("Deployment shop/reviews-v2")}, ""},
	{"clone deleted: while it is cancelled", plain, []step{asks(jason), cancellingThen(deletes("Deployment shop/reviews-v2"))}, release.Cancelled},
	{"clone edited: its image", plain, []step{asks("weight=50"), edits("reviews-v2", "image", withImage("shop/reviews:9.9")), annotate("end=cancel")}, release.Cancelled},
	{"clone edited: its image, and the original was rolled out", plain, []step{asks("weight=50"), rolls("reviews-v1", "a limit", withLimit), edits("reviews-v2", "image", withImage("shop/reviews:9.9")), annotate("end=cancel")}, release.Cancelled},
	{"clone edited: our labels", plain, []step{asks("weight=50"), relabels("Deployment shop/reviews-v2", intent.LabelTask, ""), relabels("Deployment shop/reviews-v2", intent.LabelOf, "another"), annotate("end=cancel")}, release.Cancelled},
	{"clone scaled: up and down", plain, []step{asks("weight=50"), scales("reviews-v2", 9), scales("reviews-v2", 1)}, ""},
	{"clone scaled: by an autoscaler of its own", plain, []step{asks("weight=50"), applies(cloneScaler), hpa("reviews-v2", 7), hpa("reviews-v2", 1), annotate("weight=75"), hpa("reviews-v2", 2), annotate("traffic=grayscale"), hpa("reviews-v2", 3), annotate("end=finish")}, release.Finished},
	{"clone scaled: away, under a mirror and rules", plain, []step{asks("mirror=50", jason), scales("reviews-v2", 0), annotate("end=cancel")}, release.Cancelled},

	{"original rolled out: under a partial policy", plain, []step{asks("weight=50", jason), rolls("reviews-v1", "a limit", withLimit), annotate("weight=60"), annotate("end=cancel")}, release.Cancelled},
	{"original rolled out: and the clone is made anew", plain, []step{asks("weight=50"), rolls("reviews-v1", "a limit", withLimit), deletes("Deployment shop/reviews-v2"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"original rolled out: crash-looping", plain, []step{asks("weight=50"), rolls("reviews-v1", "a bad image", withImage("shop/reviews:1.1-crash")), rolls("reviews-v1", "undo", withImage("shop/reviews:1.0")), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"original scaled: up, and down", plain, []step{asks("weight=50", jason), hpa("reviews-v1", 8), hpa("reviews-v1", 2), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"original paused: before and during", plain, []step{pauses(true), asks("weight=50"), rolls("reviews-v1", "a limit", withLimit), pauses(false), annotate("end=cancel")}, release.Cancelled},
	{"original scaled to 0: it stays as asked", plain, []step{asks("weight=50"), scales("reviews-v1", 0), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"original scaled to 0: and back", subset, []step{asks(jason), scales("reviews-v1", 0), scales("reviews-v1", 4), annotate("end=cancel")}, release.Cancelled},
	{"original deleted: under content rules", plain, []step{asks(jason), deletes("Deployment shop/reviews-v1"), original}, release.Cancelled},
	{"original deleted: while it is mirrored", plain, []step{asks("mirror=50"), deletes("Deployment shop/reviews-v1"), original}, release.Cancelled},
	{"original deleted: blue-green, holding all traffic", subset, []step{asks("form=blue-green"), annotate("traffic=grayscale"), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: holding all traffic", subset, []step{asks("traffic=grayscale"), replaces(reviews), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: holding all traffic, with its intent", plain, []step{asks("traffic=grayscale"), replacesAlike, deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: holding all traffic, in place", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), replaces(renewable), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: under a partial policy", subset, []step{asks("weight=50", jason), replaces(reviews)}, release.Cancelled},
	{"original made anew: while a replace drains it", plain, []step{asks("traffic=grayscale"), finishAt(finishing, replaces(reviews), settles), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: once a replace has deleted it", subset, []step{asks("traffic=grayscale"), finishAt(stepped(release.StepGone), replaces(reviews), settles), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"original made anew: in the midst of a finish in place", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(replaces(renewable), settles), deletes("Deployment shop/reviews-v1")}, release.Finished},
	{"cancel: our routes are restored when the rules are about to go", plain, []step{asks("weight=50"), backUp("VirtualService shop/reviews", cancelledTo(release.StepStripped), after(14*time.Second))}, release.Cancelled},
	{"original made anew: while it is cancelled", plain, []step{asks("weight=50"), cancellingThen(replaces(reviews))}, release.Cancelled},

	{"service deleted: under content rules", plain, []step{asks(jason, "weight=10"), deletes("Service shop/reviews")}, ""},
	{"service deleted: while mirrored, without a VirtualService", none, []step{asks("mirror=10"), deletes("Service shop/reviews")}, ""},
	{"service deleted: and made anew later", plain, []step{asks("weight=50"), deletes("Service shop/reviews"), madeAgain}, ""},
	{"service deleted: the next release is asked for before it is seen", plain, []step{asks("weight=50"), atOnce(deletes("Service shop/reviews"), annotate("release=next", "image=3.0", "version=v3"))}, ""},
	{"service deleted: twice, and a rule elsewhere can't go in between", []string{reviews, farRoute, edgeRule}, []step{asks("weight=50"), atOnce(deletes("Service shop/reviews"), after(5*time.Second), freezes("edge"), after(20*time.Second), madeAgain, asks("weight=50"), after(20*time.Second), freezes("")), deletes("Service shop/reviews")}, ""},
	{"service deleted: and our routes are written again before the rules go", plain, []step{asks("weight=50"), backUp("VirtualService shop/reviews", deletes("Service shop/reviews"), after(10*time.Second))}, ""},
	{"claim lost: our routes are written again, and a rule elsewhere is as old", []string{reviews, plainRoute, edgeRule}, []step{asks("weight=50"), backUp("VirtualService shop/reviews", unclaims, after(57*time.Second)), annotate("end=cancel")}, release.Cancelled},
	{"claim lost: our routes are written again, and a rule elsewhere can't be", []string{reviews, plainRoute, edgeRule}, []step{asks("weight=50"), atOnce(backUp("VirtualService shop/reviews", unclaims, after(50*time.Second), freezes("edge"), after(7*time.Second)), after(3*time.Second), freezes("")), annotate("end=cancel")}, release.Cancelled},
	{"claim lost: and back, and lost again", []string{reviews, farRoute, edgeRule}, []step{asks("weight=50"), claimLostFor(52 * time.Second), unclaims, annotate("end=cancel")}, release.Cancelled},
	{"service made anew: and its claim had been lost before", plain, []step{asks("weight=50"), claimLostFor(5 * time.Second), madeAnew}, ""},
	{"service made anew: under a partial policy", plain, []step{asks("weight=50", jason), madeAnew}, ""},
	{"service made anew: on a strict subset", strict, []step{asks("weight=50"), madeAnew}, ""},
	{"service made anew: holding all traffic", subset, []step{asks("traffic=grayscale"), madeAnew}, ""},
	{"service made anew: the original has no ready pod", subset, []step{asks("traffic=grayscale"), sick("v1"), madeAnew, settles, after(time.Minute), well("v1")}, ""},
	{"service made anew: the original has no ready pod, and is deleted", plain, []step{asks("traffic=grayscale"), sick("v1"), madeAnew, settles, deletes("Deployment shop/reviews-v1")}, ""},
	{"service made anew: in the midst of a finish in place", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(jam("reviews-v1"), madeAnew, settles, after(time.Minute), unjam("reviews-v1"))}, ""},
	{"service: its selector no longer takes the clone", plain, []step{asks("weight=50"), selects("version", "v1"), selects("version", ""), annotate("end=cancel")}, release.Cancelled},
	{"service: another one selects the same pods", []string{reviews, plainRoute, sibling}, []step{asks("service=reviews", "weight=50", "accept=unrouted"), settles, annotate("end=cancel")}, release.Cancelled},
	{"namespace deleted", plain, []step{asks("weight=50", jason), allGone}, ""},

	{"rule added: and taken away", plain, []step{asks("weight=50", jason), func(c *cluster) { c.addRule() }, deletes("DestinationRule shop/late"), annotate("end=cancel")}, release.Cancelled},
	{"rule removed: the one with the subset", []string{reviews, plainRoute, subsetRule}, []step{asks("weight=50"), deletes("DestinationRule shop/reviews"), annotate("end=cancel")}, release.Cancelled},
	{"rule edited: its policy excludes failover from now on", plain, []step{asks("weight=50"), applies(strictRule), sick("v2"), well("v2"), annotate("end=cancel")}, release.Cancelled},
	{"rule of ours: deleted", plain, []step{asks("weight=50", jason), deletes("DestinationRule shop/grayscale-reviews"), annotate("end=cancel")}, release.Cancelled},
	{"route: the user's appears and goes again", none, []step{asks(jason, "weight=10"), applies(plainRoute), deletes("VirtualService shop/reviews"), annotate("end=cancel")}, release.Cancelled},
	{"route: another one appears and goes again", plain, []step{asks(jason), applies(gatewayRoute), deletes("VirtualService edge/front"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears elsewhere, and somebody writes the same again", plain, []step{asks("weight=50"), applies(gatewayRoute), annotate("by=jane"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears in a namespace that another takes part in", []string{reviews, plainRoute, gatewayRoute}, []step{asks("weight=50"), applies(strings.Replace(gatewayRoute, "name: front", "name: late", 1)), annotate("weight=25"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears elsewhere right after a policy is written", plain, []step{asks("weight=50"), annotate("accept=undersized"), applies(gatewayRoute), annotate("weight=25"), annotate("traffic=original"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears elsewhere while a policy waits for pods", plain, []step{asks("weight=10"), jam("reviews-v2"), annotate("weight=90"), applies(gatewayRoute), unjam("reviews-v2"), settles, annotate("weight=80"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears elsewhere while a mirror waits for its subset", plain, []step{asks("weight=10"), atOnce(annotate("weight=0", "mirror=50"), after(3*time.Second), applies(gatewayRoute)), annotate("mirror=25"), annotate("end=cancel")}, release.Cancelled},
	{"route: one appears elsewhere while it finishes", plain, []step{asks("traffic=grayscale"), finishAt(finishing, applies(gatewayRoute), settles), annotate("by=jane")}, release.Finished},
	{"route: one appears elsewhere, past the original's end", plain, []step{asks("traffic=grayscale"), finishAt(stepped(release.StepGone), applies(gatewayRoute))}, release.Finished},
	{"route: one appears elsewhere, and the original has no pods", plain, []step{asks("traffic=grayscale"), scales("reviews-v1", 0), applies(gatewayRoute), annotate("end=finish")}, release.Finished},
	{"route: edited under content rules, a weight and a mirror", plain, []step{asks(jason, "mirror=10"), func(c *cluster) { c.editRoute() }, annotate("mirror-", "weight=25"), func(c *cluster) { c.editRoute() }, annotate("end=cancel")}, release.Cancelled},
	{"connections: a rule and copies are asked for mid-way", []string{connects, tcpRoute}, []step{asks("weight=50"), annotate("mirror=10", jason, "weight=0"), annotate("mirror-", "match-", "weight=25"), annotate("end=cancel")}, release.Cancelled},
	{"connections: the only HTTP route goes mid-way", []string{connects, tcpRoute, gatewayRoute}, []step{asks(jason), deletes("VirtualService edge/front"), annotate("match-", "weight=50"), annotate("end=cancel")}, release.Cancelled},
	{"third version: appears", subset, []step{asks("weight=50"), applies(another("v9")), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"third version: appears while the clone is lost", subset, []step{asks("weight=50"), sick("v2"), applies(another("v9")), well("v2"), annotate("end=cancel")}, release.Cancelled},
	{"third version: goes", []string{reviews, another("v9"), subsetRoute, subsetRule}, []step{asks("weight=50"), deletes("Deployment shop/reviews-v9"), sick("v2"), well("v2"), annotate("end=cancel")}, release.Cancelled},
	{"labels of a pod: it loses its version", plain, []step{asks("weight=50"), relabelsPod("reviews-v1", ""), annotate("end=cancel")}, release.Cancelled},

	{"two releases: rules of both in one VirtualService", []string{reviews, ratings, bothRoute}, []step{asks(jason), asksRatings(beta), annotate("weight=10"), annotate("end=cancel"), func(c *cluster) { c.annotate("shop/ratings", "end=cancel") }}, release.Cancelled},
	{"two releases: neither can say its rules any more", []string{reviews, ratings, bothRoute}, []step{asks(seven), asksRatings(eight), patchesRoutes("VirtualService shop/both", "match 7 and 8", restricts("7", "8")), ratingsToo(annotate("end=cancel"), "end=cancel")}, release.Cancelled},
	{"two releases: one can't say its rules, and can again", []string{reviews, ratings, bothRoute}, []step{asks(seven), asksRatings(eight), patchesRoutes("VirtualService shop/both", "match 8", restricts("8")), annotate("weight=10"), patchesRoutes("VirtualService shop/both", "match 9", restricts("9")), annotate("traffic=grayscale"), annotate("end=finish"), func(c *cluster) { c.annotate("shop/ratings", "end=cancel") }}, release.Finished},
	{"two releases: not even pins can be said any more", []string{reviews, ratings, bothRoute}, []step{asks("weight=50"), asksRatings("weight=20", eight), patchesRoutes("VirtualService shop/both", "300 KiB", grows(300<<10)), annotate("end=cancel"), patchesRoutes("VirtualService shop/both", "0 KiB", grows(0)), func(c *cluster) { c.annotate("shop/ratings", "end=cancel") }}, release.Cancelled},
	{"two releases: one mirrors, one finishes in place", []string{renewable, ratings, bothRoute}, []step{asksHere("traffic=grayscale"), asksRatings("mirror=20"), annotate("end=finish"), func(c *cluster) { c.annotate("shop/ratings", "end=cancel") }}, release.Finished},
	{"admission: a policy adds to what is ours", none, []step{defaults, asks("weight=50"), annotate("weight=20"), annotate("end=cancel")}, release.Cancelled},
	{"clock: the next controller's is a minute behind", none, []step{ahead(time.Minute), annotate("end=cancel")}, release.Cancelled},
	{"clock: the next controller's is an hour behind", plain, []step{ahead(time.Hour), annotate("end=cancel")}, release.Cancelled},
	{"clock: the next controller's is an hour behind, while it drains", plain, []step{asks("weight=50"), cancellingThen(dated(time.Hour))}, release.Cancelled},
	{"name: taken while the pins propagate", plain, []step{starting(applies(takesName)), deletes("Deployment shop/reviews-v2"), annotate("end=cancel")}, release.Cancelled},
	{"name: taken before", []string{reviews, plainRoute, takesName}, []step{asks(), annotate("name=books"), annotate("end=cancel")}, release.Cancelled},
	{"name: of a version that is no DNS label", plain, []step{asks("version=2.0_RC", "weight=10"), annotate("end=cancel")}, release.Cancelled},
	{"unfit: cancelled although the intent can't be read", plain, []step{asks("weight=50"), annotate("weight=101", "traffic=original"), annotate("end=cancel")}, release.Cancelled},
	{"unrouted: a way comes up while the clone runs", plain, []step{asks("weight=10"), ways(ingress), annotate("weight=20"), annotate("accept=unrouted"), annotate("end=cancel")}, release.Cancelled},
	{"unrouted: a way comes up before the clone is made", plain, []step{starting(ways(ingress)), ways(), annotate("end=cancel")}, release.Cancelled},
	{"unrouted: refused at the start, and accepted", plain, []step{ways(ingress), asks("weight=10"), annotate("accept=unrouted"), annotate("end=cancel")}, release.Cancelled},
	{"undersized: comes up when the original is scaled", plain, []step{asks("replicas=4", "weight=50"), hpa("reviews-v1", 6), annotate("traffic=grayscale", "end=finish"), annotate("replicas=6")}, release.Finished},
	{"managed: comes up while it finishes", subset, []step{asks("traffic=grayscale"), finishAt(finishing, applies(autoscaler), settles), deletes("HorizontalPodAutoscaler shop/reviews")}, release.Finished},
	{"managed: accepted", []string{reviews, subsetRoute, subsetRule, autoscaler}, []step{asks("traffic=grayscale"), annotate("end=finish"), annotate("accept=managed")}, release.Finished},
}

// connects is the app with a port whose connections no proxy looks into.
var connects = strings.Replace(reviews, "{name: http, port: 9080}", "{name: tcp-books, port: 9080}", 1)

const tcpRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  tcp:
  - route: [{destination: {host: reviews}}]
`

// farRoute is the only one for the Service's host, and stands in another namespace.
const farRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: routes}
spec:
  hosts: [reviews.shop.svc.cluster.local]
  http:
  - route: [{destination: {host: reviews.shop.svc.cluster.local}}]
`

const cloneScaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: clone, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: reviews-v2}}
`

const takesName = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec:
      containers: [{name: other, image: "shop/other:1"}]
`

var ingress = plan.Way{What: "Ingress shop/front", Why: "leads to Service shop/reviews past every VirtualService", Right: "remove it"}

func finishing(c *cluster) bool { return c.phase() == release.Finishing }

func stepped(step release.Step) func(*cluster) bool {
	return func(c *cluster) bool { return c.claim(c.services[0]).Steps.Done(step) }
}

// replaces is kubectl replace --force: the original is deleted and made anew
// between two passes, without its intent.
func replaces(manifests string) step {
	_, deployment, _ := cutDocument(manifests)
	return func(c *cluster) {
		c.userDeletes("Deployment shop/reviews-v1")
		c.userApplies(deployment)
	}
}

// replacesAlike does that with its intent.
func replacesAlike(c *cluster) {
	annotations := c.get("Deployment shop/reviews-v1").GetAnnotations()
	replaces(reviews)(c)
	d := c.get("Deployment shop/reviews-v1").DeepCopy()
	d.SetAnnotations(annotations)
	c.put(d)
}

// ways lets there be these other ways to the pods.
func ways(ways ...plan.Way) step {
	return func(c *cluster) {
		c.say("world   other ways to the pods: %d", len(ways))
		c.ways = ways
	}
}

// cancellingThen does something once a cancel drains.
func cancellingThen(do step) step {
	return func(c *cluster) {
		cancelledTo(release.StepDrain)(c)
		do(c)
	}
}

// cancelledTo cancels, up to that step.
func cancelledTo(to release.Step) step {
	return func(c *cluster) {
		c.annotate("shop/reviews-v1", "end=cancel")
		c.untilStep(to)
	}
}

// starting asks for a release, and does something while its pins propagate.
func starting(do step) step {
	return func(c *cluster) {
		asks("weight=10")(c)
		c.untilStep(release.StepPinned)
		c.goOn(time.Second)
		do(c)
	}
}

// edits changes a Deployment's pod template past the guard.
func edits(name, how string, change func(map[string]any)) step {
	return func(c *cluster) {
		c.judge.meddle()
		c.changeTemplate("shop/"+name, how, change)
		delete(c.judge.users, "Deployment shop/"+name)
	}
}

// relabels changes a label of an object; an empty value removes it.
func relabels(key, label, value string) step {
	return func(c *cluster) {
		c.say("user    labels %s: %s=%s", key, label, value)
		u := c.get(key).DeepCopy()
		labels := u.GetLabels()
		labels[label] = value
		if value == "" {
			delete(labels, label)
		}
		u.SetLabels(labels)
		c.put(u)
	}
}

// relabelsPod changes the version of one pod of a Deployment, which then keeps it:
// the Deployment's selector no longer takes the pod, and another one is started.
func relabelsPod(name, version string) step {
	return func(c *cluster) {
		c.say("user    labels a pod of %s: version=%s", name, version)
		c.judge.meddle()
		for _, p := range c.pods {
			if p.of != name {
				continue
			}
			stray := *p
			stray.owner, stray.of = nobody, ""
			stray.labels = map[string]string{"app": p.labels["app"], "version": version}
			c.pods = append(slices.DeleteFunc(c.pods, func(o *pod) bool { return o == p }), &stray)
			break
		}
		c.version++
		c.syncPods()
	}
}

// pauses is kubectl rollout pause, or resume.
func pauses(paused bool) step {
	return func(c *cluster) {
		d := c.get("Deployment shop/reviews-v1").DeepCopy()
		c.say("user    pauses reviews-v1: %t", paused)
		if err := unstructured.SetNestedField(d.Object, paused, "spec", "paused"); err != nil {
			c.fail("%v", err)
		}
		c.put(d)
		c.judge.users[keyOf(d)] = d
	}
}

// selects changes the Service's selector past the guard.
func selects(label, value string) step {
	return func(c *cluster) {
		c.say("user    changes the Service's selector: %s=%s", label, value)
		c.judge.meddle()
		u := c.get("Service shop/reviews").DeepCopy()
		selector := u.Object["spec"].(map[string]any)["selector"].(map[string]any)
		selector[label] = value
		if value == "" {
			delete(selector, label)
		}
		c.put(u)
	}
}

// madeAnew restores the Service from a backup: the same by name, not by UID.
func madeAnew(c *cluster) {
	status := c.get("Service shop/reviews").GetAnnotations()
	delete(c.objects, "Service shop/reviews")
	c.say("user    restores the Service from a backup")
	c.judge.meddle()
	service, _, _ := cutDocument(reviews)
	u := parse(c.t, service)[0]
	u.SetAnnotations(status)
	c.put(u)
	c.judge.abandon()
}

// backUp does something, and restores an object as it was before, ours in it.
func backUp(key string, do ...step) step {
	return func(c *cluster) {
		before := c.get(key).DeepCopy()
		atOnce(do...)(c)
		c.say("user    restores %s from a backup", key)
		c.judge.meddle()
		c.put(before)
	}
}

// claimLostFor removes the claim, and puts it back that much later.
func claimLostFor(d time.Duration) step {
	return func(c *cluster) {
		const key = "Service shop/reviews"
		claim := c.get(key).GetAnnotations()[intent.AnnotationStatus]
		unclaims(c)
		c.goOn(d)
		c.rewriteStatus("puts the status back", func(string) string { return claim })
	}
}

// madeAgain is the same, after the controller has seen that it was gone.
func madeAgain(c *cluster) {
	service, _, _ := cutDocument(reviews)
	c.userApplies(service)
}

// atOnce does several things between two passes.
func atOnce(do ...step) step {
	return func(c *cluster) {
		for _, d := range do {
			d(c)
		}
	}
}

// allGone deletes all that is in the namespace, as the namespace controller does:
// in no order that is of use to anybody.
func allGone(c *cluster) {
	for _, key := range sorted(c.objects) {
		if u := c.objects[key]; u != nil && u.GetNamespace() == "shop" {
			c.userDeletes(key)
		}
	}
}
