package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// least is the field of an autoscaler that says how many pods it leaves at the
// least, and what the API takes where it is not written.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/#HorizontalPodAutoscalerSpec
// https://keda.sh/docs/latest/reference/scaledobject-spec/#minreplicacount
var least = map[string]struct {
	field string
	value int64
}{
	"HorizontalPodAutoscaler": {"minReplicas", 1},
	"ScaledObject":            {"minReplicaCount", 0},
}

// autoscaler finds who scales a Deployment: KEDA's own before the autoscaler that
// KEDA makes of it, which it would put back.
func (v *view) autoscaler(d *unstructured.Unstructured) (found *unstructured.Unstructured) {
	for _, hpa := range v.Autoscalers {
		kind, _, _ := unstructured.NestedString(hpa.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(hpa.Object, "spec", "scaleTargetRef", "name")
		keda := hpa.GetKind() == "ScaledObject"
		if (kind == "Deployment" || kind == "" && keda) && name == d.GetName() && (found == nil || keda) {
			found = hpa
		}
	}
	return found
}

// unknownScaler stands for an autoscaler that may be one of a kind which could not be
// read: to scale against it would be a fight, and to finish could leave it without its
// Deployment. Empty where all are known.
func (v *view) unknownScaler() string {
	if v.UnknownScalers == "" {
		return ""
	}
	return "an autoscaler that nobody sees, for the API server can't list " + v.UnknownScalers
}

// scaler names who scales a Deployment, and how many pods it leaves at the least;
// empty where nobody does, or there is no such Deployment.
func (v *view) scaler(d *unstructured.Unstructured) string {
	if d == nil {
		return ""
	}
	hpa := v.autoscaler(d)
	if hpa == nil {
		return v.unknownScaler()
	}
	l := least[hpa.GetKind()]
	if n, written, _ := unstructured.NestedInt64(hpa.Object, "spec", l.field); written {
		l.value = n
	}
	return fmt.Sprintf("%s %s, %s %d", hpa.GetKind(), hpa.GetName(), l.field, l.value)
}
