package plan_test

import (
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// renewable is the app whose selector lacks the version label, so that its
// original can take the next version's template.
var renewable = strings.Replace(reviews, "matchLabels: {app: reviews, version: v1}", "matchLabels: {app: reviews}", 1)

// expressive is the app whose selector says the version in an expression.
var expressive = strings.Replace(reviews, "matchLabels: {app: reviews, version: v1}",
	"matchLabels: {app: reviews}, matchExpressions: [{key: version, operator: In, values: [v1]}]", 1)

// helms is the renewable app, installed by Helm.
var helms = strings.Replace(renewable, "metadata: {name: reviews-v1, namespace: shop,", "metadata: {name: reviews-v1, namespace: shop, annotations: {meta.helm.sh/release-name: shop},", 1)

// argos is the same by an Argo CD that tracks by a label: it is known by what it wrote.
var argos = strings.Replace(renewable, "metadata: {name: reviews-v1, namespace: shop, labels: {",
	"metadata: {name: reviews-v1, namespace: shop, managedFields: [{manager: argocd-controller, operation: Update, apiVersion: apps/v1}], labels: {app.kubernetes.io/instance: shop, ", 1)

// asksHere is an intent that starts a release of reviews that finishes in place.
func asksHere(more ...string) step { return asks(append([]string{"finish=in-place"}, more...)...) }

// inPlace is a release from the first annotation to the last.
var inPlace = []step{asksHere("weight=10"), annotate("traffic=grayscale"), annotate("end=finish")}

// while finishes in place, and does something when the original has begun to
// roll out.
func while(do ...step) step { return finishAt(renewing, do...) }

// yielded is the same, when the original's new pods are preferred.
func yielded(do ...step) step {
	return finishAt(func(c *cluster) bool { s := c.claim(c.services[0]); return s.Steps.Done(release.StepYield) }, do...)
}

func finishAt(when func(*cluster) bool, do ...step) step {
	return func(c *cluster) {
		c.annotate("shop/reviews-v1", "end=finish")
		if !c.until(func() bool { return c.claim(c.services[0]) != nil && when(c) }) {
			c.fail("that moment never came")
		}
		for _, d := range do {
			d(c)
		}
	}
}

// renewing says whether the original has the new template, and a new pod of it.
func renewing(c *cluster) bool {
	d := c.get("Deployment shop/reviews-v1")
	if d == nil {
		return false
	}
	fresh, old := c.generations(release.WorkloadOf(d))
	return c.phase() == release.Finishing && release.WorkloadOf(d).Template["version"] == "v2" && len(fresh) > 0 && len(old) > 0
}

// jam keeps the pods of a Deployment's present template from starting.
func jam(name string) step {
	return func(c *cluster) {
		c.say("world   new pods of %s crash", name)
		c.judge.meddle()
		c.stuck[name] = release.WorkloadOf(c.get("Deployment shop/" + name)).TemplateHash
		for _, p := range c.pods {
			if p.of == name && p.labels[templateHash] == c.stuck[name] && !p.ready(c.now) {
				p.deaf = true
			}
		}
		c.version++
	}
}

// unjam lets them start.
func unjam(name string) step {
	return func(c *cluster) {
		c.say("world   new pods of %s start", name)
		delete(c.stuck, name)
		c.version++
		for before := -1; before != c.version; {
			before = c.version
			c.syncPods()
		}
	}
}

// rolls changes the template of a Deployment by its user.
func rolls(name, how string, change func(map[string]any)) step {
	return func(c *cluster) { c.changeTemplate("shop/"+name, how, change) }
}

func scales(name string, replicas int64) step {
	return func(c *cluster) { c.scale("shop/"+name, replicas) }
}

// excused says that what the user does next can hurt requests, and how.
func excused(c *cluster) { c.judge.meddle() }

func settles(c *cluster) { c.settle() }

var hereStrict = []string{renewable, plainRoute, strictRule}

// inPlaces are scenarios of releases that finish in place.
var inPlaces = []scenario{
	{"in place: a route without a subset", []string{renewable, plainRoute}, inPlace, release.Finished},
	{"in place: a route to subset v1", []string{renewable, subsetRoute, subsetRule}, inPlace, release.Finished},
	{"in place: no VirtualService", []string{renewable}, inPlace, release.Finished},
	{"in place: a strict subset", hereStrict, inPlace, release.Finished},
	{"in place: all the way by itself", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale", "end=finish")}, release.Finished},
	{"in place: after content and a mirror", []string{renewable, subsetRoute, subsetRule}, []step{asksHere(jason, "mirror=10"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"in place: blue-green with a patch", []string{renewable, plainRoute}, []step{asksHere("form=blue-green", settings), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"in place: the next release of the same original", []string{renewable, plainRoute}, append(inPlace[:3:3], asksHere("release=reviews-v3", "image=3.0", "version=v3", "traffic=grayscale", "weight-", "end-"), annotate("end=finish")), release.Finished},
	{"in place: the new pods crash", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(jam("reviews-v1"), after(5*time.Minute), unjam("reviews-v1"))}, release.Finished},
	{"in place: the new pods crash, cancelled and rolled back", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(jam("reviews-v1"), annotate("end=cancel"), after(time.Minute), rolls("reviews-v1", "undo", withVersion("v1", "shop/reviews:1.0")))}, release.Cancelled},
	{"in place: the original is scaled in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(scales("reviews-v1", 6))}, release.Finished},
	{"in place: the original is scaled when it is preferred", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), yielded(scales("reviews-v1", 6))}, release.Finished},
	{"in place: the clone's pods are lost in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(loses("reviews-v2"))}, release.Finished},
	{"in place: the clone is deleted in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(deletes("Deployment shop/reviews-v2"))}, release.Finished},
	{"in place: rolled out again in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(rolls("reviews-v1", "a limit", withLimit))}, release.Finished},
	{"in place: rolled out again when it is preferred", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), yielded(rolls("reviews-v1", "a limit", withLimit))}, release.Finished},
	{"in place: rolled out again when it is preferred, and the user's policy excludes priorities", hereStrict, []step{asksHere("traffic=grayscale"), yielded(excused, rolls("reviews-v1", "a limit", withLimit))}, release.Finished},
	{"in place: rolled out again when it is preferred, beside a third version", []string{renewable, another("v2"), another("v3"), bookinfoRoute, bookinfoRule}, []step{asksHere("version=v4", "image=4.0", "traffic=grayscale"), yielded(rolls("reviews-v1", "a limit", withLimit))}, release.Finished},
	{"in place: rolled back in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(rolls("reviews-v1", "undo", withVersion("v1", "shop/reviews:1.0")), settles)}, release.Finished},
	{"in place: the original is deleted in the midst", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(deletes("Deployment shop/reviews-v1"))}, release.Finished},
	{"in place: the original is deleted when it is preferred", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), yielded(deletes("Deployment shop/reviews-v1"))}, release.Finished},
	{"in place: an autoscaler scales the original", []string{renewable, plainRoute, autoscaler}, []step{asksHere("traffic=grayscale"), while(hpa("reviews-v1", 5), after(3*time.Second), hpa("reviews-v1", 2)), hpa("reviews-v1", 5)}, release.Finished},
	{"in place: an autoscaler has scaled the idle original down", []string{renewable, plainRoute, autoscaler}, []step{asksHere("traffic=grayscale"), hpa("reviews-v1", 1), annotate("end=finish"), hpa("reviews-v1", 4)}, release.Finished},
	{"in place: an autoscaler has scaled the idle original down, and that is accepted", []string{renewable, plainRoute, autoscaler}, []step{asksHere("traffic=grayscale"), hpa("reviews-v1", 1), annotate("end=finish"), annotate("accept=undersized")}, release.Finished},
	{"in place: an autoscaler scales it down when it is preferred", []string{renewable, plainRoute, autoscaler}, []step{asksHere("traffic=grayscale"), yielded(hpa("reviews-v1", 2), settles, hpa("reviews-v1", 4))}, release.Finished},
	{"in place: cancelled before the original is written", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), finishingThen("end=cancel")}, release.Cancelled},
	{"in place: cancelled too late", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(annotate("end=cancel"))}, release.Finished},
	{"in place: the intent removed too late", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(annotate("release-", "end-", "traffic-", "image-", "version-", "finish-"))}, release.Finished},
	{"in place: the original was scaled to 0", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), scales("reviews-v1", 0), annotate("end=finish"), scales("reviews-v1", 4)}, release.Finished},
	{"in place: the original was scaled down", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), scales("reviews-v1", 1), annotate("end=finish"), annotate("accept=undersized")}, release.Finished},
	{"in place: not where the selector has an expression of the version", []string{expressive, plainRoute}, []step{asks("finish-", "traffic=grayscale", "end=finish")}, release.Finished},
	{"in place: the original is paused", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), pauses(true), finishingThen("weight=100"), after(time.Minute), pauses(false)}, release.Finished},
	{"in place: cancelled by removal, and rolled out to a third version", []string{renewable, plainRoute}, []step{asksHere("weight=50"), removed, rolls("reviews-v1", "another version", withVersion("v3", "shop/reviews:3.0"))}, release.Cancelled},

	{"source: Helm rolls the original out", []string{helms, plainRoute}, append(inPlace[:3:3], rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0"))), release.Finished},
	{"source: Helm rolls it out before a finish is asked", []string{helms, subsetRoute, subsetRule}, []step{asksHere("traffic=grayscale"), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0")), annotate("end=finish")}, release.Finished},
	{"source: Helm rolls something else out", []string{helms, plainRoute}, append(inPlace[:3:3], rolls("reviews-v1", "by Helm", withLimit), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0"))), release.Finished},
	{"source: Argo CD, which tracks by a label", []string{argos, plainRoute}, append(inPlace[:3:3], rolls("reviews-v1", "by Argo CD", withVersion("v2", "shop/reviews:2.0"))), release.Finished},
	{"source: cancelled while it waits", []string{helms, plainRoute}, append(inPlace[:3:3], annotate("end=cancel")), release.Cancelled},
	{"source: rolled out, then cancelled", []string{helms, subsetRoute, subsetRule}, []step{asksHere("traffic=grayscale"), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0")), annotate("end=cancel")}, release.Finished},
	{"source: rolled out, then traffic is to go back", []string{helms, subsetRoute, subsetRule}, []step{asksHere("traffic=grayscale"), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0")), annotate("traffic=original"), annotate("traffic=policy", "weight=50"), annotate("traffic=grayscale", "end=finish")}, release.Finished},
	{"source: rolled out under a partial policy, then cancelled", []string{helms, plainRoute}, []step{asksHere("weight=10"), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0")), annotate("end=cancel")}, release.Finished},
	{"source: rolled out under a partial policy", []string{helms, plainRoute}, []step{asksHere("weight=10"), rolls("reviews-v1", "by Helm", withVersion("v2", "shop/reviews:2.0")), annotate("traffic=grayscale", "end=finish")}, release.Finished},
}

// removed takes the whole intent away, as whoever replaces the Deployment does,
// and what comes next comes at once.
func removed(c *cluster) {
	c.annotate("shop/reviews-v1", "release-", "image-", "version-", "finish-", "weight-")
	c.until(func() bool { s := c.claim(c.services[0]); return s != nil && s.Phase == release.Cancelling })
}

// loses lets the pods of a Deployment fail, all at once, and replaces them.
func loses(name string) step {
	return func(c *cluster) {
		c.say("world   the pods of %s are lost", name)
		c.judge.meddle()
		for _, p := range c.podsOf(c.get("Deployment shop/" + name).GetUID()) {
			c.dismiss(p)
		}
		c.version++
		c.syncPods()
	}
}

// hpa scales as an autoscaler does: nothing is excused.
func hpa(name string, replicas int64) step {
	return func(c *cluster) { c.autoscales("shop/"+name, replicas) }
}

// withLimit changes a setting of the pods.
func withLimit(template map[string]any) {
	containers := template["spec"].(map[string]any)["containers"].([]any)
	containers[0].(map[string]any)["resources"] = map[string]any{"limits": map[string]any{"memory": "1Gi"}}
}
