package webhook

import (
	"context"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// podMonitors is the Prometheus operator's kind, as far as it matters here.
const podMonitors = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: podmonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: PodMonitor, plural: podmonitors, singular: podmonitor}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// TestWhatSelectsTheOldVersionAloneIsWarnedOf: what holds for the original's pods, in
// its namespace, in the mesh's root namespace or from anywhere, and would not hold
// for the grayscale version's, is named when a release starts. A cluster may lack
// the PodMonitor.
func TestWhatSelectsTheOldVersionAloneIsWarnedOf(t *testing.T) {
	c := as(t, jane)
	c.service()
	for _, o := range []struct{ namespace, text string }{
		{c.namespace, `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: callers}, spec: {action: DENY, selector: {matchLabels: {app: reviews, version: v1}}, rules: [{from: [{source: {namespaces: [nobody]}}]}]}}`},
		{"istio-system", `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: of-all}, spec: {action: DENY, selector: {matchLabels: {app: reviews, version: v1}}, rules: [{from: [{source: {namespaces: [nobody]}}]}]}}`},
		{c.namespace, `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: connections}, spec: {podSelector: {matchLabels: {version: v1}}}}`},
		{c.namespace, `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: both}, spec: {podSelector: {matchLabels: {app: reviews}}}}`},
		{c.namespace, `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: hosts}, spec: {workloadSelector: {labels: {version: v1}}, egress: [{hosts: ["./*"]}]}}`},
	} {
		u := of(o.text, nil)
		u.SetNamespace(o.namespace)
		c.made(u)
		t.Cleanup(func() { c.gone(u) })
	}
	warned := func(parts ...string) {
		t.Helper()
		if err := c.Create(t.Context(), c.deployment(good()), client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		all := slices.DeleteFunc(c.warned.taken(), func(w string) bool { return !strings.Contains(w, " selects pods of version v1 and none of v2") })
		for _, part := range parts {
			if !slices.ContainsFunc(all, func(w string) bool { return strings.HasPrefix(w, part) }) {
				t.Errorf("no warning begins with %q: %q", part, all)
			}
		}
		if len(all) != len(parts) {
			t.Errorf("got %d warnings, want %d: %q", len(all), len(parts), all)
		}
	}
	here := []string{
		"AuthorizationPolicy " + c.namespace + "/callers", "AuthorizationPolicy istio-system/of-all",
		"NetworkPolicy " + c.namespace + "/connections", "Sidecar " + c.namespace + "/hosts",
	}
	warned(here...)

	crd := of(podMonitors, nil)
	c.made(crd)
	t.Cleanup(func() { c.gone(crd) })
	monitor := of(`{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, metadata: {name: scrapes, namespace: default}, spec: {selector: {matchLabels: {version: v1}}, namespaceSelector: {any: true}}}`, nil)
	if err := until(t.Context(), "PodMonitors can be made", func() (bool, error) { return c.Create(t.Context(), monitor.DeepCopy()) == nil, nil }); err != nil {
		t.Fatal(err)
	}
	warned(append(here, "PodMonitor default/scrapes")...)
}

func (c cluster) gone(u *unstructured.Unstructured) {
	c.Helper()
	if err := c.Delete(context.Background(), u); client.IgnoreNotFound(err) != nil {
		c.Errorf("deleting %s %s: %v", u.GetKind(), u.GetName(), err)
	}
}
