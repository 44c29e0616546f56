package manifests

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
)

// TestWhatAnOutageDoes: how long the API server waits for each webhook, and what it does
// then, which one configuration hides of another where both are asked about a write.
func TestWhatAnOutageDoes(t *testing.T) {
	type outage struct {
		policy  admissionv1.FailurePolicyType
		seconds int32
	}
	objects := build(t, Options{})
	got := map[string]outage{}
	note := func(name string, policy *admissionv1.FailurePolicyType, seconds *int32, match *admissionv1.MatchPolicyType, rules []admissionv1.RuleWithOperations, conditions []admissionv1.MatchCondition) {
		got[name] = outage{*policy, *seconds}
		if *match != admissionv1.Equivalent || len(conditions) == 0 {
			t.Errorf("%s: matches %s, under %d conditions", name, *match, len(conditions))
		}
		for _, rule := range rules {
			if *rule.Scope != admissionv1.NamespacedScope || slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.Resources, "*") {
				t.Errorf("%s: a rule that is too wide: %+v", name, rule)
			}
		}
	}
	for _, w := range typed[admissionv1.MutatingWebhookConfiguration](t, objects, "MutatingWebhookConfiguration")[0].Webhooks {
		note(w.Name, w.FailurePolicy, w.TimeoutSeconds, w.MatchPolicy, w.Rules, w.MatchConditions)
		if *w.ReinvocationPolicy != admissionv1.IfNeededReinvocationPolicy {
			t.Errorf("%s: what a later webhook changes stays", w.Name)
		}
	}
	for _, w := range typed[admissionv1.ValidatingWebhookConfiguration](t, objects, "ValidatingWebhookConfiguration")[0].Webhooks {
		note(w.Name, w.FailurePolicy, w.TimeoutSeconds, w.MatchPolicy, w.Rules, w.MatchConditions)
	}
	for name, want := range map[string]outage{
		"mutate.deployments.grayscale.dev":     {admissionv1.Fail, 1},
		"validate.deployments.grayscale.dev":   {admissionv1.Fail, 2},
		"mutate.virtualservices.grayscale.dev": {admissionv1.Ignore, 2},
		"guard.deployments.grayscale.dev":      {admissionv1.Ignore, 1},
	} {
		if got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("there are %d webhooks: %v", len(got), got)
	}
	for _, p := range typed[admissionv1.ValidatingAdmissionPolicy](t, objects, "ValidatingAdmissionPolicy") {
		want := map[string]admissionv1.FailurePolicyType{"claim.services.grayscale.dev": admissionv1.Fail, "selector.services.grayscale.dev": admissionv1.Ignore}[p.Name]
		if *p.Spec.FailurePolicy != want {
			t.Errorf("policy %s: an expression that fails: %s, want %s", p.Name, *p.Spec.FailurePolicy, want)
		}
	}
}

// TestAReplicaThatHangsGetsNoMoreCalls, after seconds.
func TestAReplicaThatHangsGetsNoMoreCalls(t *testing.T) {
	d := typed[appsv1.Deployment](t, build(t, Options{}), "Deployment")[0]
	probe := d.Spec.Template.Spec.Containers[0].ReadinessProbe
	if took := probe.PeriodSeconds * probe.FailureThreshold; took > 4 || probe.FailureThreshold < 2 {
		t.Errorf("it is asked for %d s, and %d lost answers end that: want 4 s at most, and two", took, probe.FailureThreshold)
	}
}

// TestOneOfThemLeads: of the replicas only one writes.
func TestOneOfThemLeads(t *testing.T) {
	d := typed[appsv1.Deployment](t, build(t, Options{}), "Deployment")[0]
	if args := d.Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--leader-elect") {
		t.Errorf("all %d replicas write: %v", *d.Spec.Replicas, args)
	}
}
