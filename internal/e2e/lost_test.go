package e2e

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// degradedFor says whether a status tells that something is wrong, and that.
func degradedFor(s *release.Status, reason string) bool {
	c := s.Condition(release.Degraded)
	return s.Is(release.Degraded) && c.Reason == reason
}

// lost: at half the traffic every pod of the grayscale version becomes unready,
// and later all of them are scaled away. Envoy itself goes to the original, the
// status says why, and the share comes back with the pods.
func lost(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")

	tr.phase("unready", only("v1", "v2"))
	w.kubectl("annotate", "pods", "-l", "version=v2", "testbed/ready=false")
	s := w.until("Degraded, NoEndpoints", func(s *release.Status) bool { return degradedFor(s, release.ReasonNoEndpoints) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, "Envoy sends its share to the original") {
		t.Errorf("the status says %q, and not where the share goes", m)
	}
	tr.settles("failing over", "v2", "v1")
	tr.phase("failed over", only("v1"))
	tr.seen(100)
	if live := w.status("reviews").Live; live == nil || live.Weight.String() != "50" {
		t.Errorf("live: %+v, want the routes to stand at 50 %%", live)
	}

	tr.phase("ready again", only("v1", "v2"))
	w.kubectl("annotate", "pods", "-l", "version=v2", "--overwrite", "testbed/ready=true")
	w.until("the version back", func(s *release.Status) bool { return !s.Is(release.Degraded) })
	tr.more(30)
	tr.phase("back at 50 %", split("v1", "v2", 50))
	tr.seen(200)

	tr.phase("scaled away", only("v1", "v2"))
	old := names(w.list(pods))
	w.kubectl("scale", "deployment", "reviews-v2", "--replicas=0", pastTheGuard)
	w.eventually("a new ready pod of v2", func() (bool, string) {
		for _, pod := range w.list(pods) {
			if pod.GetLabels()["version"] == "v2" && !strings.Contains(strings.Join(old, " "), pod.GetName()) && podReady(&pod) {
				return true, ""
			}
		}
		return false, strings.Join(names(w.list(pods)), " ")
	})
	w.until("the version back", func(s *release.Status) bool { return !s.Is(release.Degraded) })
	tr.more(60)
	tr.phase("50 % once more", split("v1", "v2", 50))
	tr.seen(200)
	w.cancels(tr, "first", "v2")
	w.clean()
}

func podReady(pod *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Ready" && m["status"] == "True" {
			return true
		}
	}
	return false
}

// neverReady: an image whose pods never become ready gets no request at all,
// whatever weight is asked; the status says why, and a cancel cleans up.
func neverReady(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=bad-crash", "weight=50")
	s := w.until("a word of the crash", func(s *release.Status) bool { return s.Is(release.Degraded) })
	if c := s.Condition(release.Degraded); c.Reason != release.ReasonPodsFailing || !strings.Contains(c.Message, "CrashLoopBackOff") {
		t.Errorf("Degraded is %s: %s, want PodsFailing with the container's reason", c.Reason, c.Message)
	}
	tr.seen(300)
	w.annotate("reviews-v1", "end=cancel")
	w.untilEnded("reviews", "first", release.Cancelled)
	w.clean()
}
