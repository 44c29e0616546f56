package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// any number of requests may fail: their version's pods were taken away.
const some = 1 << 30

// originalMeddled: the original is paused, crash-loops and loses its endpoints;
// nothing waits for it, and taking over is one command.
func originalMeddled(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=20")
	tr.phase("to 20 %", only("v1", "v2"))
	w.untilLive("20")
	w.kubectl("rollout", "pause", "deployment", "reviews-v1")
	w.annotate("reviews-v1", "weight=40")
	w.untilLive("40")
	w.kubectl("rollout", "resume", "deployment", "reviews-v1")
	w.kubectl("set", "image", "deployment/reviews-v1", "app=example/reviews:v1-crash")
	w.until("a word of the change", func(s *release.Status) bool { return s.Is(release.OriginalChanged) })
	w.annotate("reviews-v1", "weight=50")
	w.untilLive("50")
	tr.more(30)
	tr.phase("paused and crashing", split("v1", "v2", 50))
	tr.seen(100)

	tr.phase("without endpoints", want{versions: []string{"v1", "v2"}, failures: some})
	w.kubectl("annotate", "pods", "-l", "version=v1", "testbed/ready=false")
	s := w.until("Degraded, OriginalWithoutEndpoints", func(s *release.Status) bool { return degradedFor(s, release.ReasonOriginalEmpty) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, "kubectl grayscale takeover first") {
		t.Errorf("the status says %q, and not how to take over", m)
	}
	if s.Live.Weight.String() != "50" {
		t.Errorf("%s %% live, want the policy to stay at 50 %%", s.Live.Weight)
	}
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	tr.wants["settling"] = want{versions: []string{"v1", "v2"}, failures: some}
	tr.settles("settling", "v1", "v2")
	tr.phase("taken over", only("v2"))
	tr.seen(50)
	w.annotate("reviews-v1", "end=finish")
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(20)
	w.clean()
}

// originalDeleted: the original is deleted at half the traffic. The clone stays,
// the status says what to do, and the original made again ends the release.
func originalDeleted(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")
	tr.more(30)
	tr.phase("deleted", want{versions: []string{"v1", "v2"}, failures: some})
	w.kubectl("delete", "deployment", "reviews-v1", "--wait=false", pastTheGuard)
	s := w.until("Degraded, OriginalGone", func(s *release.Status) bool { return degradedFor(s, release.ReasonOriginalGone) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, w.namespace+"/reviews-v1") {
		t.Errorf("the status does not name the original: %s", m)
	}
	if w.get(deployments, "reviews-v2") == nil {
		t.Error("the clone went with the original")
	}
	w.apply(makeDeployment("reviews-v1").Replicas(2).YAML())
	w.rolledOut("reviews-v1")
	w.untilEnded("reviews", "first", release.Cancelled)
	tr.wants["settling"] = want{versions: []string{"v1", "v2"}, failures: some}
	tr.settles("settling", "v2", "v1")
	tr.phase("made again", only("v1"))
	tr.seen(20)
	w.sameRoutes(front, mesh)
	w.clean()
}

// podsMeddled: a pod of the grayscale version loses its label, and the status
// says which; then the namespace is deleted, and nothing of ours holds it.
func podsMeddled(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.trafficTo("v1", throughGateway(w.namespace), throughSidecar(w.namespace, "reviews"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")
	stray := names(w.list(pods, client.MatchingLabels{"version": "v2"}))[0]
	w.kubectl("label", "pod", stray, "version=v9", "--overwrite")
	s := w.until("Degraded, PodLabelsChanged", func(s *release.Status) bool { return degradedFor(s, release.ReasonPodLabels) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, stray) {
		t.Errorf("the status does not name pod %s: %s", stray, m)
	}
	w.kubectl("delete", "pod", stray, "--wait=false")
	w.until("all is well", func(s *release.Status) bool { return !s.Is(release.Degraded) })
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(100)
	tr.judge()
	w.kubectl("delete", "namespace", w.namespace, "--wait=false")
	w.eventually("the namespace to go", func() (bool, string) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		err := cluster.Get(w.ctx, client.ObjectKeyFromObject(namespace), namespace)
		return apierrors.IsNotFound(err), fmt.Sprintf("%v, %+v", err, namespace.Status)
	})
}
