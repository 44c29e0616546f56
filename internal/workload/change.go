package workload

import (
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// change makes a Deployment's pod template the grayscale version's: its patch,
// then its images, which the patch can't take back.
func change(d *unstructured.Unstructured, s *release.Status) error {
	if s.Grayscale.Patch != "" {
		template, _, _ := unstructured.NestedMap(d.Object, "spec", "template")
		patched, err := Patched(template, s.Grayscale.Patch)
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

// Patched gives a pod template with a strategic merge patch, as YAML, in it.
// Fields that this version of the API does not know are kept. It fails when the
// patch is no object, does not fit the template, or changes the pods' labels.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
func Patched(template map[string]any, patch string) (map[string]any, error) {
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(patch), &fields); err != nil {
		return nil, fmt.Errorf("the patch is not a YAML object: %w", err)
	}
	before := (&unstructured.Unstructured{Object: template}).DeepCopy().Object
	patched, err := strategicpatch.StrategicMergeMapPatch(before, fields, corev1.PodTemplateSpec{})
	if err != nil {
		return nil, fmt.Errorf("the patch does not fit the pod template: %w", err)
	}
	out, err := normal(patched)
	if err != nil {
		return nil, fmt.Errorf("the patched pod template can't be read: %w", err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(out, &corev1.PodTemplateSpec{}); err != nil {
		return nil, fmt.Errorf("the patch does not fit the pod template: %w", err)
	}
	was, _, _ := unstructured.NestedMap(template, "metadata", "labels")
	is, _, _ := unstructured.NestedMap(out, "metadata", "labels")
	if !reflect.DeepEqual(was, is) {
		return nil, fmt.Errorf("the patch changes the pods' labels, by which Services and subsets select them")
	}
	return out, nil
}

// normal gives whole numbers the type that they have in unstructured objects:
// YAML reads them as floats.
func normal(value map[string]any) (map[string]any, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(b, &out)
}

// Renewed gives the original with the grayscale version's pod template and
// version labels, and nothing else changed: what a finish in place writes.
func Renewed(original *unstructured.Unstructured, s *release.Status) (*unstructured.Unstructured, error) {
	out := original.DeepCopy()
	if err := change(out, s); err != nil {
		return nil, err
	}
	template, _, _ := unstructured.NestedStringMap(out.Object, "spec", "template", "metadata", "labels")
	labels := out.GetLabels()
	for _, key := range s.Versions(template, nil).VersionLabels {
		set(out, s.Grayscale.Version, "spec", "template", "metadata", "labels", key)
		if _, ok := labels[key]; ok {
			labels[key] = s.Grayscale.Version
		}
	}
	out.SetLabels(labels)
	return out, nil
}
