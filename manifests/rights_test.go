package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// TestNarrowRights: what is granted by name stays so, what has a subresource or is
// virtual is granted to the verb, and no role for users has a right of the controller's.
func TestNarrowRights(t *testing.T) {
	objects := build(t, Options{})
	granted := map[string]string{}
	note := func(role string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					what := fmt.Sprintf("%s: %s.%s %s", role, resource, group, strings.Join(rule.ResourceNames, " "))
					granted[what] = strings.TrimSpace(granted[what] + " " + strings.Join(rule.Verbs, " "))
				}
			}
		}
	}
	for _, role := range typed[rbacv1.ClusterRole](t, objects, "ClusterRole") {
		note(role.Name, role.Rules)
	}
	for _, role := range typed[rbacv1.Role](t, objects, "Role") {
		note("in "+role.Namespace, role.Rules)
	}
	const watches, reads = "get list watch update", "get list watch"
	want := map[string]string{
		Controller + ": deployments/scale.apps ":                                                  "patch",
		Controller + ": events.events.k8s.io ":                                                    "create patch",
		Controller + ": mutatingwebhookconfigurations.admissionregistration.k8s.io " + Webhooks:   watches,
		Controller + ": validatingwebhookconfigurations.admissionregistration.k8s.io " + Webhooks: watches,
		"in " + Namespace + ": leases.coordination.k8s.io ":                                       "create",
		"in " + Namespace + ": leases.coordination.k8s.io " + Controller:                          "get update",
		"in " + Namespace + ": secrets. grayscale-webhook-cert":                                   watches,
		Viewer + ": mutatingwebhookconfigurations.admissionregistration.k8s.io " + Webhooks:       "get",
		Viewer + ": validatingwebhookconfigurations.admissionregistration.k8s.io " + Webhooks:     "get",
		Releaser + ": services.grayscale.dev ":                                                    "release",
	}
	for what, verbs := range want {
		if granted[what] != verbs {
			t.Errorf("%s: %q is granted, want %q", what, granted[what], verbs)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(granted)) {
		switch role, _, _ := strings.Cut(what, ":"); {
		case want[what] != "":
		case role == Viewer && granted[what] != reads, role == Releaser, role == "in "+Namespace:
			t.Errorf("%s: %q is granted, and should not be", what, granted[what])
		}
	}
}

// TestWhoseRolesCarryOurs: to read is with view, to release with edit alone; and the
// controller's namespace takes restricted pods alone.
func TestWhoseRolesCarryOurs(t *testing.T) {
	objects := build(t, Options{})
	carriers := map[string]string{}
	for _, role := range typed[rbacv1.ClusterRole](t, objects, "ClusterRole") {
		for _, carrier := range []string{"view", "edit", "admin"} {
			if role.Labels[aggregation+carrier] == "true" {
				carriers[role.Name] += carrier
			}
		}
	}
	if want := map[string]string{Viewer: "view", Releaser: "edit"}; !maps.Equal(carriers, want) {
		t.Errorf("carried by %v, want %v", carriers, want)
	}
	if level := typed[corev1.Namespace](t, objects, "Namespace")[0].Labels["pod-security.kubernetes.io/enforce"]; level != "restricted" {
		t.Errorf("the controller's namespace enforces %q, want restricted", level)
	}
}
