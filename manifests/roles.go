package manifests

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// aggregation begins the labels by which the cluster's own roles carry another.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
const aggregation = "rbac.authorization.k8s.io/aggregate-to-"

// withoutAggregation takes those labels away: the role is bound by name, or not
// at all.
func withoutAggregation(object *unstructured.Unstructured) {
	labels := object.GetLabels()
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, aggregation) })
	object.SetLabels(labels)
}

// Aggregated says whether one of the cluster's own roles carries this role.
func Aggregated(role *unstructured.Unstructured) bool {
	for key, value := range role.GetLabels() {
		if strings.HasPrefix(key, aggregation) && value == "true" {
			return true
		}
	}
	return false
}
