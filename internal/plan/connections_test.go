package plan_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// TestConnectionsTakeWeightsAlone: rules and copies that no route of a Service
// could do are refused, each at its key; where any route leads requests, or a
// weight is all that is asked, nothing is.
func TestConnectionsTakeWeightsAlone(t *testing.T) {
	rules := []content.Rule{{Headers: map[string]content.Match{"x-a": {Kind: content.Exact, Value: "b"}}}}
	destination := []any{map[string]any{"destination": map[string]any{"host": "reviews"}}}
	leads := func(kind string) *unstructured.Unstructured {
		return istio("VirtualService", "shop", "users", map[string]any{"hosts": []any{"reviews"}, kind: []any{map[string]any{"route": destination}}})
	}
	for name, c := range map[string]struct {
		port   string
		routes []*unstructured.Unstructured
		asked  intent.Intent
		want   string // the keys with a fault
	}{
		"a rule, TCP":                   {"tcp-db", nil, intent.Intent{Match: rules}, "match"},
		"copies, TCP":                   {"tcp-db", nil, intent.Intent{Mirror: 100}, "mirror"},
		"both, TCP":                     {"tcp-db", nil, intent.Intent{Match: rules, Mirror: 100}, "match mirror"},
		"a weight, TCP":                 {"tcp-db", nil, intent.Intent{Weight: 100}, ""},
		"a rule, TCP routes":            {"tcp-db", []*unstructured.Unstructured{leads("tcp")}, intent.Intent{Match: rules}, "match"},
		"a rule, TLS routes":            {"tls-db", []*unstructured.Unstructured{leads("tls")}, intent.Intent{Match: rules}, "match"},
		"a rule, HTTP":                  {"http", nil, intent.Intent{Match: rules, Mirror: 100}, ""},
		"a rule, a port that says none": {"", nil, intent.Intent{Match: rules}, ""},
		"a rule, HTTP routes":           {"http", []*unstructured.Unstructured{leads("http")}, intent.Intent{Match: rules}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			service := plainService(map[string]any{"name": c.port, "port": int64(9000)})
			s := plan.Snapshot{Key: reviewsKey, Service: service, VirtualServices: c.routes, Settings: plan.Defaults}
			var keys []string
			for _, f := range plan.Unsayable(s, c.asked, route.Subsets{"": {Original: route.SubsetOriginal, Version: route.SubsetVersion}}) {
				keys = append(keys, strings.TrimPrefix(f.At, intent.Prefix))
			}
			if got := strings.Join(keys, " "); got != c.want {
				t.Errorf("faults at %q, want %q", got, c.want)
			}
		})
	}
}
