package plan_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestManagedFaults: who would undo a finish is told when it is written, unless
// it is accepted: an autoscaler of an original that is deleted, and who manages a
// route that is moved.
func TestManagedFaults(t *testing.T) {
	hpa := &unstructured.Unstructured{Object: map[string]any{
		"kind": "HorizontalPodAutoscaler", "metadata": map[string]any{"name": "scaler"},
		"spec": map[string]any{"scaleTargetRef": map[string]any{"kind": "Deployment", "name": "reviews-v1"}},
	}}
	routed := func(name string, to map[string]any, labels map[string]string) *unstructured.Unstructured {
		to["host"] = "reviews"
		vs := istio("VirtualService", "shop", name, map[string]any{
			"hosts": []any{name},
			"http":  []any{map[string]any{"route": []any{map[string]any{"destination": to}}}},
		})
		vs.SetLabels(labels)
		return vs
	}
	helm := map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	toOld := func(labels map[string]string) *unstructured.Unstructured {
		return routed("reviews", map[string]any{"subset": "old"}, labels)
	}
	toAny := routed("front", map[string]any{}, helm)
	type routes = []*unstructured.Unstructured
	rule := istio("DestinationRule", "shop", "reviews", map[string]any{
		"host": "reviews", "subsets": []any{map[string]any{"name": "old", "labels": map[string]any{"version": "v1"}}},
	})
	for name, c := range map[string]struct {
		finish intent.Finish
		hpa    bool
		routes routes
		end    intent.End
		accept []intent.Risk
		want   string // empty: nothing is refused
	}{
		"nobody":                         {intent.Replace, false, nil, intent.EndFinish, nil, ""},
		"an autoscaler":                  {intent.Replace, true, nil, intent.EndFinish, nil, "HorizontalPodAutoscaler scaler"},
		"an autoscaler, in place":        {intent.InPlace, true, nil, intent.EndFinish, nil, ""},
		"an autoscaler, accepted":        {intent.Replace, true, nil, intent.EndFinish, []intent.Risk{intent.Managed}, ""},
		"an autoscaler, not yet the end": {intent.Replace, true, nil, "", nil, ""},
		"a route":                        {intent.Replace, false, routes{toOld(helm)}, intent.EndFinish, nil, "Helm, who manages VirtualService shop/reviews"},
		"a route, in place":              {intent.InPlace, false, routes{toOld(helm)}, intent.EndFinish, nil, "Helm, who manages VirtualService shop/reviews"},
		"a route that names no version":  {intent.Replace, false, routes{toAny}, intent.EndFinish, nil, ""},
		"a route that names no version, beside one of nobody's that does": {intent.Replace, false, routes{toAny, toOld(nil)}, intent.EndFinish, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			service := plainService(map[string]any{"name": "http", "port": int64(80)})
			written := map[string]any{intent.KeyRelease: "reviews-v2", intent.KeyImage: "2.0", intent.KeyVersion: "v2"}
			if c.end != "" {
				written[intent.KeyEnd] = string(c.end)
			}
			if len(c.accept) > 0 {
				written[intent.KeyAccept] = string(c.accept[0])
			}
			labels := map[string]any{"app": "reviews", "version": "v1"}
			d := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment",
				"metadata": map[string]any{"name": "reviews-v1", "namespace": "shop", "uid": "u", "annotations": written},
				"spec": map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": map[string]any{
					"metadata": map[string]any{"labels": labels},
					"spec":     map[string]any{"containers": []any{map[string]any{"name": "reviews", "image": "reviews:1.0"}}},
				}},
			}}
			s := plan.Snapshot{
				Key: reviewsKey, Service: service, Services: []*unstructured.Unstructured{service},
				Deployments: []*unstructured.Unstructured{d}, Settings: plan.Defaults,
			}
			if c.hpa {
				s.Autoscalers = []*unstructured.Unstructured{hpa}
			}
			if len(c.routes) > 0 {
				s.VirtualServices, s.DestinationRules = c.routes, routes{rule}
			}
			i, bad := intent.Parse(d.GetAnnotations())
			if len(bad) > 0 {
				t.Fatal(bad.Error())
			}
			spec := release.Spec{
				Intent: i, Original: release.WorkloadOf(d), Service: release.ServiceOf(service), Clone: "reviews-v2", Finish: c.finish,
				Versions: release.Versions{Label: "version", Original: "v1", Grayscale: "v2", VersionLabels: []string{"version"}},
			}
			got := plan.ManagedFaults(s, i, &spec).Error()
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
