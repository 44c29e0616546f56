package workload

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// change makes a Deployment's pod template the grayscale version's: its patch,
// then its images, which the patch can't take back.
func change(d *unstructured.Unstructured, s *release.Status) error {
	if s.Grayscale.Patch != "" {
		patched, err := Patched(template(d), s.Grayscale.Patch)
		if err != nil {
			return fmt.Errorf("Deployment %s/%s: release %s: %w", d.GetNamespace(), d.GetName(), s.Task, err)
		}
		if err := unstructured.SetNestedMap(d.Object, patched, "spec", "template"); err != nil {
			return fmt.Errorf("Deployment %s/%s: release %s: %w", d.GetNamespace(), d.GetName(), s.Task, err)
		}
	}
	setImages(d, s.Grayscale.Images)
	return nil
}

// Renewed gives the original with the grayscale version's pod template and
// version labels, and nothing else changed: what a finish in place writes.
func Renewed(original *unstructured.Unstructured, s *release.Status) (*unstructured.Unstructured, error) {
	out := original.DeepCopy()
	if err := change(out, s); err != nil {
		return nil, err
	}
	pods, _, _ := unstructured.NestedStringMap(out.Object, "spec", "template", "metadata", "labels")
	labels := out.GetLabels()
	for _, key := range s.Versions(pods, nil).VersionLabels {
		set(out, s.Grayscale.Version, "spec", "template", "metadata", "labels", key)
		if _, ok := labels[key]; ok {
			labels[key] = s.Grayscale.Version
		}
	}
	out.SetLabels(labels)
	return out, nil
}
