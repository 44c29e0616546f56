package e2e

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// replicaSets keep copies of a Deployment's annotations.
var replicaSets = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}

// clean fails the test for whatever of ours is left in the namespace, the
// Services' history excepted.
func (w *world) clean() {
	w.t.Helper()
	for _, left := range w.leftovers() {
		w.t.Errorf("left behind: %s", left)
	}
}

func (w *world) leftovers() []string {
	w.t.Helper()
	var out []string
	for _, kind := range []schema.GroupVersionKind{deployments, replicaSets, services, pods, virtualServices, destinationRules} {
		for _, u := range w.list(kind) {
			for _, left := range marks(&u) {
				out = append(out, fmt.Sprintf("%s %s: %s", kind.Kind, u.GetName(), left))
			}
		}
	}
	return out
}

// marks gives what of ours stands on an object, the history excepted.
func marks(u *unstructured.Unstructured) []string { return everyMark(u, intent.AnnotationHistory) }

func everyMark(u *unstructured.Unstructured, besides ...string) []string {
	var out []string
	for _, kv := range []map[string]string{u.GetLabels(), u.GetAnnotations()} {
		for key, value := range kv {
			if strings.HasPrefix(key, intent.Prefix) && !slices.Contains(besides, key) {
				out = append(out, key+"="+value)
			}
		}
	}
	if text := fmt.Sprint(u.Object["spec"]); strings.Contains(text, "grayscale-") {
		out = append(out, "its spec: "+text)
	}
	if u.GetKind() == virtualServices.Kind || u.GetKind() == destinationRules.Kind {
		for _, entry := range u.GetManagedFields() {
			if strings.HasPrefix(entry.Manager, "grayscale") {
				out = append(out, "managedFields of "+entry.Manager)
			}
		}
	}
	return out
}
