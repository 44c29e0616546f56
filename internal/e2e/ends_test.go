package e2e

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// blueGreen: the full count is ready before anything moves; then all traffic
// goes there, back, and there again at once, and both versions stay until the
// end.
func blueGreen(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	if answer := w.refused("annotate", "deployment", "reviews-v1", "grayscale.dev/release=first", "grayscale.dev/image=v2", "grayscale.dev/form=blue-green", "grayscale.dev/weight=10"); !strings.Contains(answer, "blue-green") {
		t.Errorf("a weight beside blue-green is refused without saying why: %s", answer)
	}
	w.annotate("reviews-v1", "release=first", "image=v2", "form=blue-green")
	w.untilPhase(release.Ready)
	if got := w.replicas("reviews-v2"); got != 2 {
		t.Errorf("the grayscale version has %d replicas, want the original's 2 before any traffic", got)
	}
	tr.seen(60)
	for n, side := range []string{"grayscale", "original", "grayscale", "policy", "grayscale"} {
		name := strings.Repeat("+", n+1) + " " + side
		to, from := "v2", "v1"
		if side != "grayscale" {
			to, from = from, to
		}
		tr.phase("to"+name, only("v1", "v2"))
		w.annotate("reviews-v1", "traffic="+side)
		tr.settles("settling"+name, from, to)
		tr.phase(name, only(to))
		tr.seen(60)
		if got := w.replicas("reviews-v1") + w.replicas("reviews-v2"); got != 4 {
			t.Errorf("%s: both versions have %d replicas together, want 4", side, got)
		}
	}
	w.annotate("reviews-v1", "end=finish")
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	w.sameRoutes(front, mesh)
	w.clean()
	w.kubectl("set", "image", "deployment/reviews-v2", "app=example/reviews:v2.1")
	w.undone("reviews-v2")
}

func (w *world) replicas(deployment string) int {
	w.t.Helper()
	n, _, _ := unstructured.NestedInt64(w.get(deployments, deployment).Object, "spec", "replicas")
	return int(n)
}

// scaledBy is an autoscaler and a budget, as users have them for a Deployment.
const scaledBy = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: reviews}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: reviews}
  minReplicas: 2
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: reviews}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: reviews}}
`

// stable is a Deployment with one name for all versions: its selector lacks the
// version label.
func stable(more string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, labels: {app: reviews}` + more + `}
spec:
  replicas: 2
  selector: {matchLabels: {app: reviews}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec:
      containers: [{name: app, image: "example/reviews:v1", ports: [{containerPort: 9080}], resources: {requests: {cpu: 100m}}}]
`
}

// inPlace: the original keeps its name, its autoscaler and its budget, and takes
// the new version while the clone holds the traffic.
func inPlace(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), stable(""), scaledBy, gateway, frontRoutes, meshRoutes)
	w.rolledOut("reviews")
	uid := w.get(deployments, "reviews").GetUID()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	w.annotate("reviews", "release=first", "image=v2", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	if got := w.untilLive("50").Finish; got != "in-place" {
		t.Errorf("the release finishes %s, want in-place", got)
	}
	tr.more(30)
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(200)
	w.annotate("reviews", "traffic=grayscale", "end=finish")
	tr.settles("settling", "v1", "v2")
	tr.phase("finishing", only("v2"))
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	w.sameRoutes(front, mesh)
	w.clean()
	got := w.list(deployments)
	if len(got) != 1 || got[0].GetName() != "reviews" || got[0].GetUID() != uid {
		t.Errorf("the Deployments are %v, want the same reviews alone", names(got))
	}
	for key := range got[0].GetAnnotations() {
		if strings.HasPrefix(key, "grayscale.dev/") {
			t.Errorf("Deployment reviews still has annotation %s", key)
		}
	}

	tr.phase("next", only("v2", "v3")) // the next release of the same Deployment
	w.annotate("reviews", "release=second", "image=v3", "traffic=grayscale", "end=finish")
	w.untilEnded("reviews", "second", release.Finished)
	w.clean()
	w.undone("reviews")
	if got := release.WorkloadOf(w.get(deployments, "reviews")); got.Template["version"] != "v2" || got.Images["app"] != "example/reviews:v2" {
		t.Errorf("rolled back, the original is %v, %v, want what the first release left", got.Template, got.Images)
	}
}

// another is a change of the pod template that the API server stores in other words:
// cpu as 150m, and the fieldRef with its apiVersion.
const another = `{"containers":[{"name":"app","resources":{"requests":{"cpu":0.15}}}],"volumes":[{"name":"pod","downwardAPI":{"items":[{"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}}]}}]}`

// waitingForSource: Helm manages the original, so a release waits with all traffic on
// the grayscale version, and can be cancelled, until the chart brings the change.
func waitingForSource(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), stable(", annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: $NS}"), meshRoutes)
	w.rolledOut("reviews")
	tr := w.trafficTo("v1", throughSidecar(w.namespace, "reviews"))
	waits := func(s *release.Status) bool {
		return s.Phase == release.TakenOver && s.Condition(release.Progressing).Reason == release.ReasonWaitingForSource
	}
	before := spec(t, w.get(deployments, "reviews"))
	tr.phase("there and back", only("v1", "v2"))
	w.annotate("reviews", "release=early", "image=v2", "traffic=grayscale", "end=finish")
	w.until("a release that waits", waits)
	w.annotate("reviews", "end=cancel")
	tr.settles("going back", "v2", "v1")
	tr.phase("cancelled", only("v1"))
	w.untilEnded("reviews", "early", release.Cancelled)
	w.clean()
	if got := spec(t, w.get(deployments, "reviews")); got != before {
		t.Errorf("the original was\n%s\nand is\n%s", before, got)
	}

	w.annotate("reviews", "release=first", "image=v2", `patch={"spec":`+another+`}`, "traffic=grayscale", "end=finish")
	tr.phase("to all", only("v1", "v2"))
	s := w.until("the change to commit", waits)
	for _, word := range []string{"Helm", "version: v2", "example/reviews:v2", "grayscale.dev/patch"} {
		if message := s.Condition(release.Progressing).Message; !strings.Contains(message, word) {
			t.Errorf("the change to commit lacks %q: %s", word, message)
		}
	}
	tr.settles("settling", "v1", "v2")
	tr.phase("waiting", only("v2"))
	tr.seen(60)
	if got := release.WorkloadOf(w.get(deployments, "reviews")); got.Template["version"] != "v1" || got.Images["app"] != "example/reviews:v1" {
		t.Errorf("the original that Helm manages was written: %v, %v", got.Template, got.Images)
	}
	label := `"metadata":{"labels":{"version":"v2"}}`
	if answer := w.refused("patch", "deployment", "reviews", "-p", `{"spec":{"template":{`+label+`,"spec":{"containers":[{"name":"app","image":"example/reviews:v2"}]}}}}`); !strings.Contains(answer, "version=v2") {
		t.Errorf("a commit without the patch is refused without saying why: %s", answer)
	}
	w.kubectl("patch", "deployment", "reviews", "-p", `{"spec":{"template":{`+label+`,"spec":`+strings.Replace(another, `"name":"app"`, `"name":"app","image":"example/reviews:v2"`, 1)+`}}}`)
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	if cpu := w.kubectl("get", "deployment", "reviews", "-o", "jsonpath={..requests.cpu}"); cpu != "150m" {
		t.Errorf("the original asks for cpu %s, want 150m, as the patch says in other units", cpu)
	}
	w.clean()
}

// managedAccepted: an autoscaler refers to an original that a finish would
// delete. One that comes up later holds the finish; one that is there when it is
// written refuses it; and neither does where the user accepts it.
func managedAccepted(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50", "end=finish")
	w.untilLive("50")
	w.apply(strings.ReplaceAll(scaledBy, "name: reviews}\n  minReplicas", "name: reviews-v1}\n  minReplicas"))
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	tr.settles("settling", "v1", "v2")
	tr.phase("taken over", only("v2"))
	w.until("the finish held", func(s *release.Status) bool {
		return s.Is(release.Degraded) && s.Condition(release.Degraded).Reason == release.ReasonManaged
	})
	tr.more(20)
	w.annotate("reviews-v1", "end-")
	if answer := w.refused("annotate", "deployment", "reviews-v1", "grayscale.dev/end=finish"); !strings.Contains(answer, "HorizontalPodAutoscaler reviews") || !strings.Contains(answer, "accept: managed") {
		t.Errorf("the refusal does not say who, and what helps: %s", answer)
	}
	w.annotate("reviews-v1", "end=finish", "accept=managed")
	w.untilEnded("reviews", "first", release.Finished)
	tr.more(20)
	w.clean()
}
