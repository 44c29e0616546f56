package decide_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func TestCounts(t *testing.T) {
	autoscalers := []unstructured.Unstructured{
		*read(t, `{metadata: {name: mine, namespace: shop}, spec: {scaleTargetRef: {kind: Deployment, name: reviews-v1}}}`),
		*read(t, `{metadata: {name: other, namespace: shop}, spec: {scaleTargetRef: {kind: Deployment, name: ratings}}}`),
		*read(t, `{metadata: {name: set, namespace: shop}, spec: {scaleTargetRef: {kind: StatefulSet, name: reviews-v1}}}`),
		*read(t, `{metadata: {name: weird, namespace: shop}, spec: {scaleTargetRef: 7}}`),
	}
	budgets := []unstructured.Unstructured{
		*read(t, `{metadata: {name: both, namespace: shop}, spec: {selector: {matchLabels: {app: reviews}}}}`),
		*read(t, `{metadata: {name: one, namespace: shop}, spec: {selector: {matchLabels: {version: v1}}}}`),
		*read(t, `{metadata: {name: said, namespace: shop}, spec: {selector: {matchExpressions: [{key: app, operator: In, values: [reviews]}]}}}`),
		*read(t, `{metadata: {name: none, namespace: shop}, spec: {}}`),
		*read(t, `{metadata: {name: weird, namespace: shop}, spec: {selector: {matchExpressions: [{key: app, operator: Weird}]}}}`),
	}
	spec := release.Spec{
		Original: release.WorkloadOf(original(t, nil)),
		Versions: release.Versions{Label: "version", Original: "v1", Grayscale: "v2", VersionLabels: []string{"version"}},
	}
	told(t, "told apart by the selector", decide.Counts(spec, autoscalers, budgets))
	delete(spec.Original.Selector.MatchLabels, "version")
	told(t, "not told apart", decide.Counts(spec, autoscalers, budgets),
		"HorizontalPodAutoscaler shop/mine", "PodDisruptionBudget shop/both", "PodDisruptionBudget shop/said")
	expressed := func(operator metav1.LabelSelectorOperator, values ...string) {
		spec.Original.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "version", Operator: operator, Values: values}}
	}
	expressed(metav1.LabelSelectorOpIn, "v1")
	told(t, "told apart by an expression", decide.Counts(spec, autoscalers, budgets))
	expressed(metav1.LabelSelectorOpExists)
	told(t, "not told apart by an expression", decide.Counts(spec, autoscalers, budgets),
		"HorizontalPodAutoscaler shop/mine", "PodDisruptionBudget shop/both", "PodDisruptionBudget shop/said")
}
