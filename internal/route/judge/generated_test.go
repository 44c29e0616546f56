package judge

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Up to three rules of the user's in any combination of what istiod looks at:
// whatever Rules accepts, every caller must see as TestRulesAsIstiodSeesThem
// says. JUDGE_CASES is the number of combinations.
func TestGeneratedRules(t *testing.T) {
	cases := 60
	if more, err := strconv.Atoi(os.Getenv("JUDGE_CASES")); err == nil {
		cases = more
	}
	accepted := 0
	for seed := range cases {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in := rapid.Custom(generate).Example(seed)
			result, faults := route.Rules(in)
			if len(faults) > 0 {
				return
			}
			accepted++
			wrong := judged(t, in, result)
			for i, w := range wrong {
				if i < 3 {
					t.Error(w)
				}
			}
			if len(wrong) > 0 {
				for _, rule := range in.Rules {
					t.Logf("rule: %v", rule.Object)
				}
			}
		})
	}
	if accepted < cases/5 {
		t.Errorf("only %d of %d combinations were accepted", accepted, cases)
	}
}

func generate(t *rapid.T) route.RulesInput {
	var rules []map[string]any
	for i := range rapid.IntRange(0, 3).Draw(t, "rules") {
		rules = append(rules, generateRule(t, i))
	}
	to := map[string]any{"host": host}
	if rapid.Bool().Draw(t, "by subset") {
		to["subset"] = "v1"
	}
	return route.RulesInput{
		Service: types.NamespacedName{Namespace: "shop", Name: "reviews"},
		Versions: release.Versions{
			Label: "version", Original: "v1", Grayscale: "v2",
			OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
		},
		Rules: objects("DestinationRule", rules),
		VirtualServices: objects("VirtualService", []map[string]any{{
			"metadata": map[string]any{"name": "reviews", "namespace": "shop"},
			"spec": map[string]any{
				"hosts": []any{host},
				"http":  []any{map[string]any{"route": []any{map[string]any{"destination": to}}}},
			},
		}}),
	}
}

func generateRule(t *rapid.T, index int) map[string]any {
	pick := func(what string, from ...any) any { return rapid.SampledFrom(from).Draw(t, what) }
	spec := map[string]any{"host": pick("host", host, host, host, "*.shop.svc.cluster.local", "*.local", "*")}
	for field, value := range map[string]any{
		"exportTo": pick("exportTo", nil, nil, nil, []any{"*"}, []any{"."}, []any{"shop", "web"}, []any{".", "other"}),
		"workloadSelector": pick("workloadSelector", nil, nil, nil,
			map[string]any{"matchLabels": map[string]any{"app": "productpage"}}, map[string]any{"matchLabels": map[string]any{"app": "web"}}),
		"trafficPolicy": pick("trafficPolicy", nil,
			map[string]any{"loadBalancer": map[string]any{"simple": "RANDOM"}},
			map[string]any{"loadBalancer": map[string]any{"simple": "ROUND_ROBIN"}, "outlierDetection": map[string]any{"consecutive5xxErrors": int64(4)}},
			map[string]any{"loadBalancer": map[string]any{"localityLbSetting": map[string]any{"failoverPriority": []any{"topology.istio.io/network"}}}},
			map[string]any{"portLevelSettings": []any{map[string]any{
				"port": map[string]any{"number": int64(9080)}, "connectionPool": map[string]any{"http": map[string]any{"maxRetries": int64(7)}},
			}}}),
		"subsets": pick("subsets", nil,
			[]any{map[string]any{"name": "v1", "labels": map[string]any{"version": "v1"}}},
			[]any{map[string]any{"name": "v1", "labels": map[string]any{"version": "v1"}, "trafficPolicy": map[string]any{
				"connectionPool": map[string]any{"http": map[string]any{"http1MaxPendingRequests": int64(3)}},
			}}}),
	} {
		if value != nil {
			spec[field] = value
		}
	}
	if spec["workloadSelector"] != nil {
		delete(spec, "exportTo") // Istio accepts no other than the own namespace
	}
	return map[string]any{
		"metadata": map[string]any{
			"name":              fmt.Sprintf("rule-%d", index),
			"namespace":         pick("namespace", "shop", "shop", "web", "istio-system"),
			"creationTimestamp": fmt.Sprintf("2026-01-0%dT00:00:00Z", index+1),
		},
		"spec": spec,
	}
}
