package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// versionsMeddled: at half the traffic the original is scaled, rolled out, and back
// after another step, which takes that step back, too; and the grayscale version's
// Deployment is deleted: it comes back, and its share.
// Then the original is deleted while the other version has all traffic, which
// ends as a finish by replace does.
func versionsMeddled(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")

	w.kubectl("scale", "deployment", "reviews-v1", "--replicas=4")
	w.until("two pods of v2, half of four", func(s *release.Status) bool {
		clone := w.get(deployments, "reviews-v2")
		replicas, _, _ := unstructured.NestedInt64(clone.Object, "status", "readyReplicas")
		return s.Peak == 4 && replicas == 2
	})
	tr.phase("scaled", split("v1", "v2", 50))
	tr.seen(100)

	tr.phase("rolled out", split("v1", "v2", 50))
	w.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1.1")
	w.rolledOut("reviews-v1")
	w.until("a word of the change", func(s *release.Status) bool { return s.Is(release.OriginalChanged) })
	tr.seen(50)

	tr.phase("rolled back", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=60")
	w.untilLive("60")
	w.kubectl("rollout", "undo", "deployment", "reviews-v1") // writes the intent that the older ReplicaSet holds
	w.untilLive("50")
	w.rolledOut("reviews-v1")
	tr.seen(20)

	uid := w.get(deployments, "reviews-v2").GetUID()
	tr.phase("deleted", only("v1", "v2"))
	if out := w.refused("delete", "deployment", "reviews-v2", "--wait=false"); !strings.Contains(out, "has 50 % of the traffic") {
		t.Errorf("the guard does not say why: %s", out)
	}
	w.kubectl("delete", "deployment", "reviews-v2", "--wait=false", pastTheGuard)
	w.eventually("the clone made again", func() (bool, string) {
		clone := w.get(deployments, "reviews-v2")
		return clone != nil && clone.GetUID() != uid && !w.status("reviews").Is(release.Degraded), describe(w.status("reviews"))
	})
	w.until("the share back", func(s *release.Status) bool {
		return s.Phase == release.Routing && s.Live != nil && s.Live.Weight.String() == "50" && s.Is(release.PodsReady) && !s.Is(release.Degraded)
	})
	tr.settleOn("back", 40, "v1", "v2")
	tr.phase("50 % again", split("v1", "v2", 50))
	tr.seen(100)

	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	tr.settles("settling", "v1", "v2")
	tr.phase("original deleted", only("v2"))
	w.kubectl("delete", "deployment", "reviews-v1", "--wait=false")
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(20)
	w.clean()
}

// settleOn begins phases until one holds that many requests and answers of all
// these versions: a policy that was lost is there again.
func (tr *traffic) settleOn(name string, n int, versions ...string) {
	tr.w.t.Helper()
	tr.wants[name] = only(versions...)
	tr.Phase(name)
	tr.w.eventually("answers of "+strings.Join(versions, " and "), func() (bool, string) {
		total := tr.Now().Total()
		for _, version := range versions {
			if total.Versions[version] < n/4 {
				return false, fmt.Sprintf("%+v", total)
			}
		}
		return total.Requests >= n, fmt.Sprintf("%+v", total)
	})
}

// routesMeddled: a host without routes gets the user's own mid-way, with a
// rule, which are edited and deleted again: the policy goes on by whatever there
// is, and nothing fails.
func routesMeddled(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML())
	w.rolledOut("reviews-v1")
	tr := w.trafficTo("v1", throughSidecar(w.namespace, "reviews"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")
	ownGone := func(gone bool) {
		t.Helper()
		w.eventually("the VirtualServices to change hands", func() (bool, string) {
			got := names(w.list(virtualServices))
			own := 0
			for _, name := range got {
				if strings.HasPrefix(name, "grayscale-") {
					own++
				}
			}
			return (own == 0) == gone, strings.Join(got, " ")
		})
		w.untilLive("50")
	}
	ownGone(false)

	w.apply(meshRoutes)
	ownGone(true)
	tr.settleOn("by the user's", 40, "v1", "v2")
	tr.phase("50 % by the user's", split("v1", "v2", 50))
	tr.seen(150)

	w.apply(meshRule)
	w.apply(strings.Replace(meshRule, "500", "300", 1))
	tr.seen(200)
	w.kubectl("delete", "destinationrule", "reviews")
	tr.seen(250)

	tr.phase("the user's deleted", only("v1", "v2"))
	w.kubectl("delete", "virtualservice", "reviews")
	ownGone(false)
	tr.settleOn("by ours", 40, "v1", "v2")
	tr.phase("50 % by ours", split("v1", "v2", 50))
	tr.seen(150)
	w.kubectl("annotate", "deployment", "reviews-v1", "grayscale.dev/release-")
	tr.settles("back", "v2", "v1")
	tr.phase("cancelled", only("v1"))
	w.untilEnded("reviews", "first", release.Cancelled)
	if left := w.list(virtualServices); len(left) != 0 {
		t.Errorf("left behind: VirtualServices %v", names(left))
	}
}

// serviceDeleted: with the Service goes the claim. Our routes, rules and the
// clone go too, and the Deployment is told.
func serviceDeleted(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	w.kubectl("delete", "service", "reviews")
	w.eventually("everything of ours to go", func() (bool, string) {
		clone := w.get(deployments, "reviews-v2")
		rules := w.list(destinationRules)
		routes := spec(t, w.get(virtualServices, "front")) == front && spec(t, w.get(virtualServices, "reviews")) == mesh
		return clone == nil && len(rules) == 0 && routes, fmt.Sprintf("clone %v, rules %v, routes as they were: %t", clone != nil, names(rules), routes)
	})
	w.told("ClaimLost", "reviews-v1", "")
}

// told waits for an event with that reason on an object, with that word in its note.
func (w *world) told(reason, on, word string) {
	w.t.Helper()
	w.eventually("event "+reason+" on "+on, func() (bool, string) {
		var seen []string
		for _, e := range w.list(events) {
			field := func(path ...string) string {
				s, _, _ := unstructured.NestedString(e.Object, path...)
				return s
			}
			if field("reason") == reason && field("regarding", "name") == on && strings.Contains(field("note"), word) {
				return true, ""
			}
			seen = append(seen, field("regarding", "name")+" "+field("reason")+": "+field("note"))
		}
		return false, strings.Join(seen, "\n")
	})
}
