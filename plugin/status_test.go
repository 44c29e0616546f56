package plugin

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func TestStatusTellsOfAFight(t *testing.T) {
	status := statusOfClaim(reviews, reviewsV1, "reviews-v2", release.Ready, release.Policy{Traffic: "policy"})
	status.SetCondition(release.Degraded, true, release.ReasonFought, "argocd-controller (Apply) keeps undoing what this release writes", noon)
	fought := annotated(reviews, intent.AnnotationStatus, status)
	original := deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2"})
	clone := deployment("reviews-v2", "v2", nil)
	clone.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	objects := append([]*unstructured.Unstructured{fought, original, clone}, pods(t, "v1", "v2")...)
	said := newWorld(t, objects...).ok("status", "reviews-v2")
	if !strings.Contains(said, "Degraded (Fought): argocd-controller (Apply) keeps undoing") {
		t.Errorf("the fight is not told:\n%s", said)
	}
}

// TestARefusedWriteIsTold: what the API server refuses the controller, no plan
// knows; it counts while the plan still has something to write.
func TestARefusedWriteIsTold(t *testing.T) {
	const why = "a write is refused, and is tried again: policy freeze denied it"
	status := statusOfClaim(reviews, reviewsV1, "reviews-v2", release.Starting, release.Policy{Weight: 1000, Traffic: "policy"})
	status.SetCondition(release.Degraded, true, release.ReasonRefused, why, noon)
	original := deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "10"})
	w := newWorld(t, append([]*unstructured.Unstructured{annotated(reviews, intent.AnnotationStatus, status), original}, pods(t, "v1")...)...)
	if said := w.ok("status", "reviews-v2"); !strings.Contains(said, "Degraded (Refused): a write is refused, and is tried again") {
		t.Errorf("the refusal is not told:\n%s", said)
	}
	w.fails(exitTimeout, []string{"Degraded (Refused): " + why}, "wait", "reviews-v2", "--for", "ready", "--timeout", "6s")

	fresh := release.Status{}
	keepWritten(&status, plan.Plan{Status: &fresh})
	if fresh.Condition(release.Degraded) != nil {
		t.Error("a refusal is told where nothing is left to be written")
	}
}

// pods are one ready pod of each version, and the Service's endpoints.
func pods(t *testing.T, versions ...string) []*unstructured.Unstructured {
	t.Helper()
	slice := &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "reviews-x", Labels: map[string]string{discoveryv1.LabelServiceName: "reviews"}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	var out []*unstructured.Unstructured
	add := func(object any) {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &unstructured.Unstructured{Object: fields})
	}
	for _, version := range versions {
		name := "reviews-" + version + "-x"
		add(&corev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": "reviews", "version": version}},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		})
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.1.0." + version[1:]}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: name},
		})
	}
	add(slice)
	return out
}

// TestToCommit: the change of a release that waits for its source is what the
// images, the versions and the user's patch come to, and nothing else.
func TestToCommit(t *testing.T) {
	original := versionless()
	spec := original.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	spec["initContainers"] = []any{map[string]any{"name": "migrate", "image": "example.com/migrate:v1"}}
	status := statusOfClaim(reviews, original, "reviews-v2", release.TakenOver, release.Policy{Traffic: "grayscale", End: "finish"})
	status.Original.Labels = map[string]string{"version": "v1", "app.kubernetes.io/version": "v1"}
	status.Grayscale.Images = map[string]string{"reviews": "example.com/reviews:v2", "migrate": "example.com/migrate:v2"}
	status.Grayscale.Patch = "spec:\n  containers:\n  - name: reviews\n    env: [{name: LEVEL, value: debug}]\n"
	if text, err := toCommit(&status, original); text != "" || err != nil {
		t.Errorf("a release that waits for nothing prints %q, %v", text, err)
	}
	status.SetCondition(release.Progressing, true, release.ReasonWaitingForSource, "Helm manages the original", noon)
	got, err := toCommit(&status, original)
	if err != nil {
		t.Fatal(err)
	}
	const want = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: shop}
spec:
  template:
    metadata: {labels: {version: v2, app.kubernetes.io/version: v2}}
    spec:
      initContainers: [{name: migrate, image: "example.com/migrate:v2"}]
      containers: [{name: reviews, image: "example.com/reviews:v2", env: [{name: LEVEL, value: debug}]}]
`
	if x, y := normal(t, got), normal(t, want); x != y {
		t.Errorf("to be committed is\n%s\nwant\n%s", x, y)
	}
	status.Grayscale.Patch = "["
	if _, err := toCommit(&status, original); err == nil || !strings.Contains(err.Error(), "Deployment shop/reviews") {
		t.Errorf("a patch that can't be read: %v", err)
	}
}

func normal(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHistory(t *testing.T) {
	w := crowd(t)
	stdout := w.ok("history")
	for _, text := range []string{"TASK", "ENDED AS", "details-v2", "details-v3", "Cancelled", "shared"} {
		if !strings.Contains(stdout, text) {
			t.Errorf("the history lacks %q:\n%s", text, stdout)
		}
	}
	if got := w.ok("history", "svc/details", "-o", "name"); got != "shared\ndetails-v3\ndetails-v2\n" {
		t.Errorf("the names are %q", got)
	}
	if got := w.ok("history", "-A", "-o", "json"); !strings.Contains(got, `"task": "details-v2"`) || !strings.Contains(got, `"service": "details"`) {
		t.Errorf("the JSON is %s", got)
	}
	if got := w.ok("history", "reviews"); !strings.Contains(got, "No release of Service shop/reviews has ended") {
		t.Errorf("an empty history says %q", got)
	}
	w.fails(exitFailed, []string{"no Service shop/nope"}, "history", "nope")
	w.fails(exitUsage, []string{"can't be used with --all-namespaces"}, "history", "details", "-A")
}

// TestStatusAfterAFinishInPlace: the original's Deployment runs the new version.
func TestStatusAfterAFinishInPlace(t *testing.T) {
	var h release.History
	h = h.With(release.Entry{Task: "reviews-v2", Phase: release.Finished, Original: "reviews", Clone: "reviews-v2", From: "v1", To: "v2",
		Images: map[string]string{"reviews": "example.com/reviews:v2"}, Started: noon, Ended: noon}, "deployment-reviews", nil)
	const row = "original   reviews     v1->v2   example.com/reviews:v2"
	for version, told := range map[string]bool{"v2": true, "v3": false} { // the next release made it v3
		w := newWorld(t, annotated(reviews, intent.AnnotationHistory, h), deployment("reviews", version, nil))
		if said := w.ok("status", "reviews-v2"); strings.Contains(said, row) != told || strings.Contains(said, "v1->") != told {
			t.Errorf("the original is %s, and the page is\n%s", version, said)
		}
	}
}

// TestRefusalsAreToldPlainly: what stands in the way, without marks of ours.
func TestRefusalsAreToldPlainly(t *testing.T) {
	headless := reviews.DeepCopy()
	headless.Object["spec"].(map[string]any)["clusterIP"] = "None"
	w := newWorld(t, headless, deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "image": "v2"}))
	for _, args := range []string{"status reviews-v2", "list", "services", "render reviews-v2", "create --service reviews --image v3"} {
		stdout, stderr, _ := w.run(strings.Fields(args)...)
		if said := stdout + stderr; strings.Contains(said, "Unsupported") {
			t.Errorf("%s says\n%s", args, said)
		}
	}
	if said := w.ok("status", "reviews-v2"); !strings.Contains(said, "is headless") {
		t.Errorf("the reason is not told:\n%s", said)
	}
}
