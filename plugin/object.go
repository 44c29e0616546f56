package plugin

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func newObject(apiVersion, kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	return u
}

// named is an object as kubectl names it: "deployment.apps/reviews".
func named(u *unstructured.Unstructured) string {
	kind := strings.ToLower(u.GetKind())
	if group := u.GroupVersionKind().Group; group != "" {
		kind += "." + group
	}
	return kind + "/" + u.GetName()
}

// toYAML is a stream of documents, without what only the API server writes.
func toYAML(objects []*unstructured.Unstructured) (string, error) {
	var b strings.Builder
	for n, u := range objects {
		if n > 0 {
			b.WriteString("---\n")
		}
		content, err := yaml.Marshal(bare(u).Object)
		if err != nil {
			return "", fmt.Errorf("writing %s: %w", named(u), err)
		}
		b.Write(content)
	}
	return b.String(), nil
}

// bare is an object as a user would write it: without status, and without what
// the API server keeps in its metadata.
func bare(u *unstructured.Unstructured) *unstructured.Unstructured {
	u = u.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(u.Object, "status")
	return u
}
