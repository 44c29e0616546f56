package plan_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestPortsNoRouteSplits: what an HTTP route can't split would go to both
// versions, whatever the policy.
func TestPortsNoRouteSplits(t *testing.T) {
	for _, test := range []struct {
		port map[string]any
		why  string // empty: it can be released
	}{
		{map[string]any{"name": "http"}, ""},
		{map[string]any{"name": "http", "protocol": "TCP"}, ""},
		{map[string]any{"name": "db", "appProtocol": "http"}, ""},
		{map[string]any{}, ""},
		{map[string]any{"name": "dns", "protocol": "UDP"}, "is UDP"},
		{map[string]any{"protocol": "SCTP"}, "is SCTP"},
		{map[string]any{"name": "http-quic", "protocol": "UDP"}, "is UDP"},
		{map[string]any{"name": "mongo-main"}, "speaks mongo"},
		{map[string]any{"name": "http", "appProtocol": "tcp"}, "speaks tcp"},
	} {
		test.port["port"] = int64(80)
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"ports": []any{test.port}}}}
		u.SetNamespace("shop")
		u.SetName("reviews")
		s := plan.Snapshot{Key: types.NamespacedName{Namespace: "shop", Name: "reviews"}, Service: u, Settings: plan.Defaults}
		faults := plan.Refusals(s, release.Spec{Service: release.ServiceOf(u)})
		var got []string
		for _, f := range faults {
			got = append(got, f.At+" "+f.Why)
		}
		named := slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "Service shop/reviews port 80 "+test.why) })
		if named != (test.why != "") || test.why == "" && len(got) > 0 {
			t.Errorf("port %v: got %q, want %q", test.port, got, test.why)
		}
	}
}
