package webhook

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func TestAllFaultsInOneAnswerAndNothingChanged(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	c.settled(d)
	before := c.now(d)
	err := c.try(d, annotate(asAny(keys("release=abc", "wait=yes", "weight=101", "image=1.0", "version=v1", "finish=replace"))))
	c.refused(err, `grayscale.dev/release: "abc"`, `grayscale.dev/wait: "yes"`, `grayscale.dev/weight: "101"`, `grayscale.dev/image: "1.0"`, `grayscale.dev/version: "v1"`)
	status, ok := err.(apierrors.APIStatus)
	if !ok || status.Status().Details == nil || len(status.Status().Details.Causes) != 5 {
		t.Errorf("the answer names no causes that a program could read: %#v", err)
	}
	if now := c.now(d); now.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("the Deployment was changed: %v", now.GetAnnotations())
	}
}

func TestRefusedForWhatStandsAround(t *testing.T) {
	c := as(t, jane)
	d := c.deployment(nil)
	c.made(d)
	ask := func(more ...string) error { return c.try(d, annotate(asAny(good(more...)))) }
	c.refused(ask(), "no Service selects the pods of Deployment "+c.namespace+"/reviews-v1")

	c.service()
	if err := ask("version=1.2.0_rc1", "weight=10"); err != nil {
		t.Fatalf("a good intent is refused: %v", err)
	}
	if by := c.now(d).GetAnnotations()[intent.KeyBy]; by != jane {
		t.Errorf("it is by %q, want %q", by, jane)
	}
	c.patched(d, `{"metadata":{"annotations":null}}`)

	second := of(`{apiVersion: v1, kind: Service, metadata: {name: all}, spec: {selector: {app: reviews}, ports: [{name: http, port: 80}]}}`, nil)
	second.SetNamespace(c.namespace)
	c.made(second)
	c.refused(ask(), "write one of all, reviews")
	c.refused(ask("service=reviews"), "Service "+c.namespace+"/all selects the pods of both versions", "accept the risk with grayscale.dev/accept: unrouted")
	if err := ask("service=reviews", "accept=unrouted"); err != nil {
		t.Errorf("an accepted risk is refused: %v", err)
	}
}

func TestWaysPastTheRoutesAreNamed(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	ingress := of(`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: front}, spec: {defaultBackend: {service: {name: reviews, port: {number: 9080}}}}}`, nil)
	ingress.SetNamespace(c.namespace)
	tcp := of(`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: tcp}, spec: {hosts: [reviews], tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: reviews}}]}]}}`, nil)
	tcp.SetNamespace(c.namespace)
	c.made(ingress, tcp)
	c.refused(c.try(d, annotate(asAny(good()))), "Ingress "+c.namespace+"/front", "VirtualService "+c.namespace+"/tcp", "accept: unrouted")
	err := c.try(d, annotate(asAny(good("accept=unrouted"))))
	c.refused(err, "VirtualService "+c.namespace+"/tcp")
	if strings.Contains(err.Error(), "Ingress") {
		t.Errorf("an accepted risk is refused: %v", err)
	}
}

func TestOneGrayscaleVersionAService(t *testing.T) {
	c, ours := as(t, jane), as(t, we)
	service, first := c.service(), c.deployment(good())
	c.made(first)
	c.claimed(service, first)
	holder := "Service " + c.namespace + "/reviews is held by release reviews-v2 of Deployment reviews-v1 in namespace " + c.namespace

	second := deployment(c.namespace, "other", keys("release=other-v3", "image=3.0", "version=v3", "finish=replace"))
	c.refused(c.Create(t.Context(), second), holder)

	c.refused(c.Create(t.Context(), c.clone()), holder)
	clone := c.clone()
	clone.SetAnnotations(map[string]string{"deployment.kubernetes.io/revision": "3", "grayscale.dev/weight": "10", "keep": "me"})
	ours.made(clone)
	w := release.WorkloadOf(c.now(clone))
	if w.Selector.MatchLabels["version"] != "v2" || w.Template["version"] != "v2" {
		t.Errorf("the clone has selector %v, pod labels %v", w.Selector, w.Template)
	}
	// The Deployment controller may have written a revision of its own already.
	if a := w.Annotations; a["keep"] != "me" || a[intent.KeyWeight] != "" || a["deployment.kubernetes.io/revision"] == "3" {
		t.Errorf("the clone has annotations %v", a)
	}
	by := c.clone()
	by.SetName("reviews-copy")
	c.refused(c.Create(t.Context(), by), holder)
	c.refused(ours.Create(t.Context(), by.DeepCopy()), "is not the clone that a Service's claim names")
	plain := deployment(c.namespace, "reviews-copy", nil)
	c.made(plain)
	c.refused(c.try(plain, metadata("labels", map[string]any{intent.LabelTask: "reviews-v2"})), holder)
	c.refused(c.try(clone, newImage), "only the controller changes its pod template")
	c.refused(c.try(clone, metadata("labels", map[string]any{intent.LabelTask: nil, intent.LabelOf: nil})), "end the release first")
	c.refused(c.try(clone, annotate(asAny(good()))), "annotate Deployment "+c.namespace+"/reviews-v1")
	c.scaled(clone, oneReplica)
}

func TestWhileAReleaseRuns(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(good())
	// Without the version in the selector the API server allows another one.
	unstructured.RemoveNestedField(d.Object, "spec", "selector", "matchLabels", "version")
	budget := of(`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: reviews}, spec: {minAvailable: 1, selector: {matchLabels: {app: reviews}}}}`, nil)
	budget.SetNamespace(c.namespace)
	c.made(budget, d)
	c.warns("PodDisruptionBudget " + c.namespace + "/reviews will count the pods of both versions")
	c.claimed(service, d)
	set := func(values map[string]any) error { return c.try(d, annotate(values)) }
	if err := set(map[string]any{intent.KeyWeight: "50", intent.KeyReplicas: "1"}); err != nil {
		t.Fatal(err)
	}
	c.warns("1 is less than the 2 replicas")
	c.refused(set(map[string]any{intent.KeyTraffic: "grayscale"}), "is too few for a take-over")
	c.refused(set(map[string]any{intent.KeyVersion: "v3", intent.KeyImage: "3.0"}), `"v3" is fixed`, `"3.0" is fixed`)
	c.refused(c.try(d, `{"spec":{"template":{"metadata":{"labels":{"version":"v9"}}}}}`), "routes of release reviews-v2 rely on")
	joe := as(t, "joe")
	joe.patched(d, annotate(map[string]any{intent.KeyWeight: "25", intent.KeyBy: jane}))
	if by := c.now(d).GetAnnotations()[intent.KeyBy]; by != "joe" {
		t.Errorf("joe's write is by %q", by)
	}
}

func TestASpentIntentDoesNothingAndSaysSo(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(nil)
	c.made(d)
	history := release.History{}.With(release.Entry{Task: "reviews-v2", Phase: release.Cancelled}, d.GetUID(), nil)
	c.patched(service, annotate(map[string]any{intent.AnnotationHistory: history.String(0)}))
	c.patched(d, annotate(asAny(good())))
	c.warns("this intent does nothing")
}
