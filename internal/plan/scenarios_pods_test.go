package plan_test

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// publishes makes a Service have pods among its endpoints that are not ready.
func publishes(manifests string) string {
	return strings.Replace(manifests, "selector: {app: reviews}", "publishNotReadyAddresses: true\n  selector: {app: reviews}", 1)
}

// under are scenarios of what stands under a Service beside the two Deployments,
// and of pods that are not what they seem.
var under = []scenario{
	{"unready: published, all the way by itself", []string{publishes(reviews), plainRoute}, []step{asks("traffic=grayscale", "end=finish")}, release.Finished},
	{"unready: published, in place", []string{publishes(renewable), plainRoute}, []step{asksHere("traffic=grayscale"), while(jam("reviews-v1"), after(time.Minute), unjam("reviews-v1"))}, release.Finished},
	{"stranger: of the grayscale version, from the start", plain, []step{joins("v2"), asks("weight=50"), parts("v2"), annotate("by=jane"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the grayscale version, before the pins", plain, []step{claimed("weight=50", joins("v2"), settles), parts("v2"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the grayscale version, where no pin is needed", subset, []step{claimed("weight=50", joins("v2"), settles), parts("v2"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the grayscale version, before the first request", plain, []step{asks(), joins("v2"), annotate("weight=50"), parts("v2"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the grayscale version, beside its requests", plain, []step{asks("weight=50"), joins("v2"), annotate("weight=60"), parts("v2"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the original version, from the start", plain, []step{joins("v1"), asks("weight=50"), parts("v1"), annotate("by=jane"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of the original version, before a replace", subset, []step{asks("traffic=grayscale"), joins("v1"), annotate("end=finish"), parts("v1")}, release.Finished},
	{"stranger: of the original version, once the original is deleted", subset, []step{asks("traffic=grayscale"), finishAt(stepped(release.StepDrain), replaced, joins("v1"), settles), parts("v1")}, release.Finished},
	{"stranger: of the original version, in place", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), joins("v1"), annotate("end=finish"), parts("v1")}, release.Finished},
	{"stranger: of the original version, once the original has the new template", []string{renewable, plainRoute}, []step{asksHere("traffic=grayscale"), while(joins("v1"), settles), parts("v1")}, release.Finished},
	{"stranger: a Deployment of the original version", subset, []step{asks("traffic=grayscale"), applies(strings.Replace(another("v1"), "name: reviews-v1", "name: spot", 1)), annotate("end=finish"), deletes("Deployment shop/spot")}, release.Finished},
	{"stranger: of a third version, from the start", subset, []step{joins("v3"), asks("weight=50"), parts("v3"), annotate("traffic=grayscale"), annotate("end=finish")}, release.Finished},
	{"stranger: of a third version, and a route names no subset", plain, []step{joins("v3"), asks("weight=50"), parts("v3"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: of a third version, before the pins", plain, []step{claimed("weight=50", joins("v3"), settles), parts("v3"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: outside of the cluster, from the start", plain, []step{outside(vm), asks("weight=50"), outside(), annotate("by=jane"), annotate("end=cancel")}, release.Cancelled},
	{"stranger: outside of the cluster, before the pins and later", plain, []step{claimed("weight=50", outside(vm), settles), outside(), annotate("weight=60"), outside(address), annotate("end=cancel")}, release.Cancelled},

	{"unready: published, and the pods fail", []string{publishes(reviews), plainRoute}, []step{asks("weight=50"), sick("v2"), well("v2"), annotate("end=cancel")}, release.Cancelled},
}

var (
	vm      = plan.Stranger{What: "WorkloadEntry shop/vm", Labels: map[string]string{"app": "reviews"}}
	address = plan.Stranger{What: "address 10.0.0.9 of EndpointSlice shop/reviews-vm"}
)

// joins puts a pod under the Service that no Deployment has made.
func joins(version string) step {
	return func(c *cluster) {
		c.say("user    starts a StatefulSet of version %s", version)
		c.judge.meddle()
		c.pods = append(c.pods, &pod{
			name: "books-0", namespace: "shop", owner: nobody, by: "StatefulSet shop/books", readyAt: c.now,
			labels: map[string]string{"app": "reviews", "version": version},
		})
		c.version++
	}
}

// parts takes it away, at once.
func parts(version string) step {
	return func(c *cluster) {
		c.say("user    deletes the StatefulSet of version %s", version)
		c.pods = slices.DeleteFunc(c.pods, func(p *pod) bool { return p.by != "" })
		c.version++
	}
}

// claimed asks for a release, and does something once it holds the Service.
func claimed(more string, do ...step) step {
	return func(c *cluster) {
		asks(more)(c)
		c.until(func() bool { return c.phase() == release.Pending })
		for _, d := range do {
			d(c)
		}
	}
}

// replaced lets a finish go on until the original leaves.
func replaced(c *cluster) {
	c.until(func() bool {
		d := c.get("Deployment shop/reviews-v1")
		return d == nil || d.GetDeletionTimestamp() != nil
	})
}

// outside lets the Service lead to these.
func outside(strangers ...plan.Stranger) step {
	return func(c *cluster) {
		c.say("user    has %d workloads outside of the cluster", len(strangers))
		c.strangers = strangers
	}
}
