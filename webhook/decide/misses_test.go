package decide_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// TestMisses: of what selects the original's pods the grayscale version's lack what
// does not select them, too.
func TestMisses(t *testing.T) {
	const one, both, other = "{app: reviews, version: v1}", "{app: reviews}", "{app: ratings, version: v1}"
	spec := release.Spec{
		Original: release.WorkloadOf(original(t, nil)),
		Versions: release.Versions{Label: "version", Original: "v1", Grayscale: "v2", VersionLabels: []string{"version"}},
	}
	for name, c := range map[string]struct {
		kind, spec string // of the object
		with       string // a selector's labels, in place of %s
		want       []string
	}{
		"an AuthorizationPolicy": {"AuthorizationPolicy", "{action: DENY, selector: {matchLabels: %s}}", one,
			[]string{"AuthorizationPolicy shop/it selects pods of version v1 and none of v2: its rules on who may call will not hold for the pods"}},
		"an AuthorizationPolicy for both":      {"AuthorizationPolicy", "{selector: {matchLabels: %s}}", both, nil},
		"an AuthorizationPolicy of another":    {"AuthorizationPolicy", "{selector: {matchLabels: %s}}", other, nil},
		"an AuthorizationPolicy for everybody": {"AuthorizationPolicy", "{rules: [{}]} # %s", one, nil},
		"a NetworkPolicy":                      {"NetworkPolicy", "{podSelector: {matchLabels: %s}}", one, []string{"NetworkPolicy shop/it selects pods of version v1 and none of v2: its rules on connections will not hold for the pods"}},
		"a NetworkPolicy by an expression":     {"NetworkPolicy", "{podSelector: {matchExpressions: [{key: version, operator: NotIn, values: [v2]}]}} # %s", one, []string{"its rules on connections"}},
		"a NetworkPolicy that is for both":     {"NetworkPolicy", "{podSelector: {matchExpressions: [{key: version, operator: Exists}]}} # %s", one, nil},
		"a NetworkPolicy for all":              {"NetworkPolicy", "{podSelector: {}} # %s", one, nil},
		"a NetworkPolicy that lets it in":      {"NetworkPolicy", "{podSelector: {matchLabels: {app: ratings}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchLabels: %s}}]}]}", one, []string{"it will not let in the pods"}},
		"a NetworkPolicy that lets it be called": {"NetworkPolicy", "{podSelector: {}, egress: [{}, {to: [{podSelector: {matchLabels: %s}}]}]}", one,
			[]string{"it will not let anybody call the pods"}},
		"a NetworkPolicy that lets both in":      {"NetworkPolicy", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: %s}}]}]}", both, nil},
		"a NetworkPolicy, of others' namespaces": {"NetworkPolicy", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: %s}}]}]}", one, nil},
		"a Sidecar":                              {"Sidecar", "{workloadSelector: {labels: %s}}", one, []string{"Sidecar shop/it selects pods of version v1 and none of v2: its settings"}},
		"a Sidecar for both":                     {"Sidecar", "{workloadSelector: {labels: %s}}", both, nil},
		"a Sidecar for the namespace":            {"Sidecar", "{egress: [{hosts: [./*]}]} # %s", one, nil},
		"a PodMonitor":                           {"PodMonitor", "{selector: {matchLabels: %s}}", one, []string{"PodMonitor shop/it selects pods of version v1 and none of v2: it will not scrape the pods"}},
		"a PodMonitor for both":                  {"PodMonitor", "{selector: {matchLabels: %s}}", both, nil},
		"a PodMonitor of other namespaces":       {"PodMonitor", "{selector: {matchLabels: %s}, namespaceSelector: {matchNames: [front]}}", one, nil},
		"a PodMonitor of this one, too":          {"PodMonitor", "{selector: {matchLabels: %s}, namespaceSelector: {matchNames: [front, shop]}}", one, []string{"it will not scrape"}},
		"a PodMonitor of all":                    {"PodMonitor", "{selector: {matchLabels: %s}, namespaceSelector: {any: true}}", one, []string{"it will not scrape"}},
		"another kind":                           {"Telemetry", "{selector: {matchLabels: %s}}", one, nil},
		"a selector that is none":                {"Sidecar", "{workloadSelector: 7} # %s", one, nil},
		"rules that are none":                    {"NetworkPolicy", "{podSelector: {matchExpressions: [{key: app, operator: Weird}]}, ingress: [7, {from: [7]}, {from: 7}]} # %s", one, nil},
	} {
		u := read(t, fmt.Sprintf("kind: %s\nmetadata: {name: it, namespace: shop}\nspec: "+c.spec, c.kind, c.with))
		told(t, name, decide.Misses(spec, []unstructured.Unstructured{*u}), c.want...)
	}
	elsewhere := read(t, "kind: PodMonitor\nmetadata: {name: it, namespace: monitoring}\nspec: {selector: {matchLabels: "+one+"}}")
	told(t, "a PodMonitor of its own namespace", decide.Misses(spec, []unstructured.Unstructured{*elsewhere}))
	spec.Versions.Grayscale = ""
	told(t, "without a version", decide.Misses(spec, []unstructured.Unstructured{*read(t, "kind: Sidecar\nmetadata: {name: it}\nspec: {workloadSelector: {labels: "+one+"}}")}))
}
