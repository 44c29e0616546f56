package decide

import (
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Overlaps says whether the selectors of the original and of its clone will
// overlap, so that what counts the original's pods counts both.
func Overlaps(spec release.Spec) bool { return spec.Original.Selects(podsOf(spec)) }

// podsOf gives the labels of the clone's pods.
func podsOf(spec release.Spec) map[string]string {
	pods := maps.Clone(spec.Original.Template)
	for _, key := range spec.Versions.VersionLabels {
		pods[key] = spec.Versions.Grayscale
	}
	return pods
}

// Counts warns of each HorizontalPodAutoscaler and PodDisruptionBudget of the
// namespace that will count the pods of both versions. An autoscaler's are
// those that the selector of its target selects.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#how-does-a-horizontalpodautoscaler-work
func Counts(spec release.Spec, autoscalers, budgets []unstructured.Unstructured) (warnings []string) {
	if !Overlaps(spec) {
		return nil
	}
	both := func(kind string, u unstructured.Unstructured) {
		warnings = append(warnings, fmt.Sprintf("%s %s/%s will count the pods of both versions: the selector of %s does not tell them apart by the label %s",
			kind, u.GetNamespace(), u.GetName(), deployment(spec.Original), spec.Versions.Label))
	}
	for _, a := range autoscalers {
		target, _, _ := unstructured.NestedStringMap(a.Object, "spec", "scaleTargetRef")
		if target["kind"] == "Deployment" && target["name"] == spec.Original.Name {
			both("HorizontalPodAutoscaler", a)
		}
	}
	clone := podsOf(spec)
	for _, b := range budgets {
		written, _, _ := unstructured.NestedMap(b.Object, "spec", "selector")
		if s := selector(written); s.Matches(labels.Set(spec.Original.Template)) && s.Matches(labels.Set(clone)) {
			both("PodDisruptionBudget", b)
		}
	}
	return warnings
}
