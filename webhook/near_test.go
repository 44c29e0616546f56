package webhook

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// TestNear: Deployments are those of the cache, Services those of the API server.
func TestNear(t *testing.T) {
	n := near{snapshot.Files(documents(t, "{apiVersion: v1, kind: Service, metadata: {name: live, namespace: shop}}")),
		snapshot.Files(documents(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cached, namespace: shop}}"))}
	for kind, want := range map[schema.GroupVersionKind]string{snapshot.Services: "live", snapshot.Deployments: "cached"} {
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := n.List(t.Context(), &list); err != nil || len(list.Items) != 1 || list.Items[0].GetName() != want {
			t.Errorf("%s: %v, %v; want the one named %s", kind.Kind, list.Items, err, want)
		}
	}
}
