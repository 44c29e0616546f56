package plugin

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// toCommit is the change that a release which finishes in place waits for, as
// a strategic merge patch of the original; empty where it waits for none.
func toCommit(s *release.Status, original *unstructured.Unstructured) (string, error) {
	c := s.Condition(release.Progressing)
	if c == nil || c.Reason != release.ReasonWaitingForSource || original == nil {
		return "", nil
	}
	template, err := templateChange(s, original)
	if err != nil {
		return "", fmt.Errorf("the change of Deployment %s/%s to commit: %w", original.GetNamespace(), original.GetName(), err)
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": original.GetAPIVersion(), "kind": original.GetKind(),
		"metadata": map[string]any{"name": original.GetName(), "namespace": original.GetNamespace()},
		"spec":     map[string]any{"template": template},
	})
	return string(text), err
}

// templateChange is what makes the original's pod template the grayscale
// version's: the versions, the images, and what the user's patch says.
func templateChange(s *release.Status, original *unstructured.Unstructured) (map[string]any, error) {
	labels := map[string]any{s.Label: s.Grayscale.Version}
	for key := range s.Original.Labels {
		labels[key] = s.Grayscale.Version
	}
	pod := map[string]any{}
	for _, list := range []string{"initContainers", "containers"} {
		if changed := imagesIn(s, original, list); len(changed) > 0 {
			pod[list] = changed
		}
	}
	change := strategicpatch.JSONMap{"metadata": map[string]any{"labels": labels}}
	if len(pod) > 0 {
		change["spec"] = pod
	}
	if s.Grayscale.Patch == "" {
		return change, nil
	}
	var patch strategicpatch.JSONMap
	if err := yaml.Unmarshal([]byte(s.Grayscale.Patch), &patch); err != nil {
		return nil, err
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(corev1.PodTemplateSpec{})
	if err != nil {
		return nil, err
	}
	return strategicpatch.MergeStrategicMergeMapPatchUsingLookupPatchMeta(schema, change, patch)
}

// imagesIn are the containers of a list whose image changes.
func imagesIn(s *release.Status, original *unstructured.Unstructured, list string) []any {
	containers, _, _ := unstructured.NestedSlice(original.Object, "spec", "template", "spec", list)
	var out []any
	for _, name := range slices.Sorted(maps.Keys(s.Grayscale.Images)) {
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok && m["name"] == name {
				out = append(out, map[string]any{"name": name, "image": s.Grayscale.Images[name]})
			}
		}
	}
	return out
}
