package manifests

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestTheGuardIsAskedOfEveryWay in which a Deployment's spec or metadata can be written.
func TestTheGuardIsAskedOfEveryWay(t *testing.T) {
	asked := map[admissionv1.OperationType][]string{}
	for _, w := range typed[admissionv1.ValidatingWebhookConfiguration](t, build(t, Options{}), "ValidatingWebhookConfiguration")[0].Webhooks {
		if w.Name != "guard.deployments.grayscale.dev" {
			continue
		}
		for _, rule := range w.Rules {
			for _, operation := range rule.Operations {
				asked[operation] = append(asked[operation], rule.Resources...)
			}
		}
	}
	want := map[admissionv1.OperationType][]string{
		admissionv1.Delete: {"deployments"}, admissionv1.Update: {"deployments", "deployments/scale", "deployments/status"},
	}
	if !maps.EqualFunc(asked, want, slices.Equal) {
		t.Errorf("asked of %v, want %v", asked, want)
	}
}

// TestSameChangesCount: YAML has no way to write a condition once for two
// configurations. What one webhook is asked about and the other is not would be
// changed without being judged, or judged without being changed.
func TestSameChangesCount(t *testing.T) {
	objects := build(t, Options{})
	conditions := map[string]map[string]string{} // by webhook and name
	note := func(webhook string, all []admissionv1.MatchCondition) {
		conditions[webhook] = map[string]string{}
		for _, c := range all {
			conditions[webhook][c.Name] = c.Expression
		}
	}
	for _, w := range typed[admissionv1.MutatingWebhookConfiguration](t, objects, "MutatingWebhookConfiguration")[0].Webhooks {
		note(w.Name, w.MatchConditions)
	}
	for _, w := range typed[admissionv1.ValidatingWebhookConfiguration](t, objects, "ValidatingWebhookConfiguration")[0].Webhooks {
		note(w.Name, w.MatchConditions)
	}
	mutating, validating := conditions["mutate.deployments.grayscale.dev"], conditions["validate.deployments.grayscale.dev"]
	for _, name := range []string{"not-the-cluster-s-own-controllers", "a-key-or-label-of-ours", "a-change-that-counts"} {
		if mutating[name] == "" || mutating[name] != validating[name] {
			t.Errorf("condition %s is\n%s\nfor the mutating webhook, and\n%s\nfor the validating one", name, mutating[name], validating[name])
		}
	}
	// What is exempt can tell no versions apart, or nobody would be asked about them.
	exempt := regexp.MustCompile(`k != '([^']*)'`).FindAllStringSubmatch(validating["a-change-that-counts"], -1)
	if len(exempt) == 0 {
		t.Error("no pod label is exempt")
	}
	for _, label := range exempt {
		if release.CheckVersionLabel(label[1]) == nil {
			t.Errorf("the pod label %s is exempt, and may be the version label", label[1])
		}
	}
	if len(mutating) != len(validating) {
		t.Errorf("the mutating webhook has %d conditions, and the validating one %d", len(mutating), len(validating))
	}
}
