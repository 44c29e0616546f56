package trace

import (
	"fmt"

	"github.com/pmezard/go-difflib/difflib"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Diff compares the user's routes before a release with those after it, as a
// unified diff: all that a user writes into an object, and the names of the
// objects. It is empty where they are the same.
func Diff(before, after []unstructured.Unstructured) (string, error) {
	a, err := written(before)
	if err != nil {
		return "", err
	}
	b, err := written(after)
	if err != nil {
		return "", err
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(a), B: difflib.SplitLines(b), FromFile: "before", ToFile: "after", Context: 3,
	})
	if err != nil {
		return "", fmt.Errorf("comparing the routes: %w", err)
	}
	return text, nil
}

// written is what the user wrote into the objects, as YAML.
func written(objects []unstructured.Unstructured) (string, error) {
	var text string
	for n := range objects {
		o := objects[n].DeepCopy()
		for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
			unstructured.RemoveNestedField(o.Object, "metadata", field)
		}
		unstructured.RemoveNestedField(o.Object, "status")
		y, err := yaml.Marshal(o.Object)
		if err != nil {
			return "", fmt.Errorf("%s %s/%s as YAML: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err)
		}
		text += "---\n" + string(y)
	}
	return text, nil
}
