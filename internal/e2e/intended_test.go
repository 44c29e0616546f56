package e2e

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// patched: a patch instead of an image gives the grayscale version its own
// environment, under a name of the user's; too few pods are refused for all
// traffic until that is accepted.
func patched(t *testing.T) {
	w := newWorld(t)
	w.bookshop(makeService("ratings", "ratings"), makeDeployment("ratings-w1").App("ratings").Version("w1").YAML())
	w.rolledOut("ratings-w1")
	tr := w.traffic()
	start := []string{
		"release=first", "version=v1-calls", "name=calling", "replicas=1", "weight=50",
		"patch={spec: {containers: [{name: app, env: [{name: UPSTREAM, value: 'http://ratings." + w.namespace + ":9080'}]}]}, metadata: {annotations: {example.com/calls: 'yes'}}}",
	}
	w.annotate("reviews-v1", start...)
	tr.phase("to 50 %", only("v1", "v1-calls"))
	w.untilLive("50")
	tr.more(30)
	tr.phase("50 %", split("v1", "v1-calls", 50))
	tr.seen(100)
	clone := w.get(deployments, "calling")
	annotations, _, _ := unstructured.NestedStringMap(clone.Object, "spec", "template", "metadata", "annotations")
	if annotations["example.com/calls"] != "yes" || w.replicas("calling") != 1 {
		t.Errorf("the clone has annotations %v and %d replicas, want the patch's and 1", annotations, w.replicas("calling"))
	}
	for range 20 {
		switch a := w.ask(throughSidecar(w.namespace, "reviews")); {
		case a.version == "v1-calls" && a.upstream != "w1", a.version == "v1" && a.upstream != "":
			t.Errorf("version %s has called %q: the patch is for the grayscale version", a.version, a.upstream)
		}
	}
	if answer := w.refused("annotate", "deployment", "reviews-v1", "grayscale.dev/traffic=grayscale"); !strings.Contains(answer, "undersized") {
		t.Errorf("one pod for the traffic of two is refused without naming the risk: %s", answer)
	}
	tr.phase("to all", only("v1", "v1-calls"))
	w.annotate("reviews-v1", "traffic=grayscale", "accept=undersized")
	w.untilPhase(release.TakenOver)
	tr.settles("settling", "v1", "v1-calls")
	tr.phase("taken over", only("v1-calls"))
	tr.seen(30)
	w.cancels(tr, "first", "v1-calls")
	w.clean()
}

// scaledUp: an autoscaler doubles the original, and the clone follows with its
// share.
func scaledUp(t *testing.T) {
	w := newWorld(t)
	original := strings.Replace(makeDeployment("reviews-v1").Replicas(2).YAML(), "ports:", "resources: {requests: {cpu: 100m}}, ports:", 1)
	w.apply(makeService("reviews", "reviews"), original, meshRoutes, strings.ReplaceAll(scaledBy, "name: reviews}\n  minReplicas", "name: reviews-v1}\n  minReplicas"))
	w.rolledOut("reviews-v1")
	tr := w.trafficTo("v1", throughSidecar(w.namespace, "reviews"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")
	if got := w.replicas("reviews-v2"); got != 1 {
		t.Errorf("the clone has %d replicas, want half of the original's 2", got)
	}
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	w.kubectl("annotate", "pods", "-l", "version=v1", "testbed/cpu=200m", "--overwrite")
	w.until("the clone at half of what the autoscaler wants", func(s *release.Status) bool {
		return w.replicas("reviews-v1") == 4 && w.replicas("reviews-v2") == 2 && s.Peak == 4
	})
	tr.seen(100)
	w.cancels(tr, "first", "v2")
	w.clean()
}
