package workload

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// Patched gives a pod template with a strategic merge patch, as YAML, in it.
// Fields that this version of the API does not know are kept, and may be patched
// where the template has them; any other is a slip of the pen that the API server
// would drop without a word. It fails, too, when the patch is no object, does not
// fit the template, adds a container without an image, or changes the pods'
// metadata but for annotations.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
func Patched(template map[string]any, patch string) (map[string]any, error) {
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(patch), &fields); err != nil {
		return nil, fmt.Errorf("the patch is not a YAML object: %w", err)
	}
	if err := known(template, fields); err != nil {
		return nil, err
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
	if _, err := typed(out); err != nil {
		return nil, fmt.Errorf("the patch does not fit the pod template: %w", err)
	}
	if err := metadataStays(template, out); err != nil {
		return nil, err
	}
	for _, list := range []string{"containers", "initContainers"} {
		if err := haveImages(template, out, list); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Same says whether two pod templates mean the same, however they are written: a
// quantity in other units, or without what the API server writes by default into
// the lists that a patch replaces whole.
// Fields that this version of the API does not know count as they are written.
func Same(a, b map[string]any) bool {
	was, unread := typed(a)
	is, unreadToo := typed(b)
	if unread != nil || unreadToo != nil || len(strange(a)) > 0 || len(strange(b)) > 0 {
		return reflect.DeepEqual(a, b)
	}
	defaults(was)
	defaults(is)
	return equality.Semantic.DeepEqual(was, is)
}

// defaults writes the defaults of the fields in a volume's lists, which have no
// merge key.
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#objectfieldselector-v1-core
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#serviceaccounttokenprojection-v1-core
func defaults(t *corev1.PodTemplateSpec) {
	files := func(items []corev1.DownwardAPIVolumeFile) {
		for _, item := range items {
			if item.FieldRef != nil {
				item.FieldRef.APIVersion = cmp.Or(item.FieldRef.APIVersion, "v1")
			}
		}
	}
	for _, volume := range t.Spec.Volumes {
		if volume.DownwardAPI != nil {
			files(volume.DownwardAPI.Items)
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.DownwardAPI != nil {
				files(source.DownwardAPI.Items)
			}
			if token := source.ServiceAccountToken; token != nil && token.ExpirationSeconds == nil {
				hour := int64(60 * 60)
				token.ExpirationSeconds = &hour
			}
		}
	}
}

func typed(template map[string]any) (*corev1.PodTemplateSpec, error) {
	out := &corev1.PodTemplateSpec{}
	return out, runtime.DefaultUnstructuredConverter.FromUnstructured(template, out)
}

// known refuses values of a patch that the API can't read, and fields that neither
// the API nor the template knows.
func known(template, patch map[string]any) error {
	bare, _ := undirected(patch).(map[string]any)
	plain, err := normal(bare)
	if err != nil {
		return fmt.Errorf("the patch can't be read: %w", err)
	}
	// Before it is merged, for that panics where a list's key is no text.
	if _, err := typed(plain); err != nil {
		return fmt.Errorf("the patch does not fit the pod template: %w", err)
	}
	has := strange(template)
	unknown := slices.DeleteFunc(strange(plain), func(field string) bool { return slices.Contains(has, field) })
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("a pod template has no field %s", strings.Join(unknown, ", "))
}

var (
	index = regexp.MustCompile(`\[\d+\]`)
	field = regexp.MustCompile(`"(.*)"`)
)

// strange gives the paths, each once and without the places in lists, of the
// fields that this version of the API does not know.
func strange(template map[string]any) (paths []string) {
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(template, &corev1.PodTemplateSpec{}, true)
	strict, ok := runtime.AsStrictDecodingError(err)
	if !ok {
		return nil
	}
	for _, err := range strict.Errors() {
		path := index.ReplaceAllString(err.Error(), "")
		if found := field.FindStringSubmatch(path); found != nil {
			path = found[1]
		}
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// undirected is a patch without its directives, such as $patch, which the API's
// types do not have.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
func undirected(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, child := range value {
			if !strings.HasPrefix(key, "$") {
				out[key] = undirected(child)
			}
		}
		return out
	case []any:
		out := make([]any, len(value))
		for n, item := range value {
			out[n] = undirected(item)
		}
		return out
	}
	return value
}

// metadataStays refuses a change of the pods' metadata beside annotations: labels
// select the pods, and a template's name and the like mean nothing.
func metadataStays(before, after map[string]any) error {
	was, _, _ := unstructured.NestedMap(before, "metadata")
	is, _, _ := unstructured.NestedMap(after, "metadata")
	for _, metadata := range []map[string]any{was, is} {
		delete(metadata, "annotations")
	}
	if len(was) == 0 && len(is) == 0 || reflect.DeepEqual(was, is) {
		return nil
	}
	if !reflect.DeepEqual(was["labels"], is["labels"]) {
		return errors.New("the patch changes the pods' labels, by which Services and subsets select them")
	}
	return errors.New("the patch changes the pods' metadata, of which only annotations may be patched")
}

// haveImages refuses a new container without an image, which is most likely one
// whose name is mistyped.
func haveImages(before, after map[string]any, list string) error {
	var names []string
	was, _, _ := unstructured.NestedSlice(before, "spec", list)
	for _, item := range was {
		names = append(names, text(item, "name"))
	}
	is, _, _ := unstructured.NestedSlice(after, "spec", list)
	for _, item := range is {
		name := text(item, "name")
		if text(item, "image") != "" || slices.Contains(names, name) {
			continue
		}
		there := "none"
		if len(names) > 0 {
			there = strings.Join(names, ", ")
		}
		return fmt.Errorf("it adds %q to spec.%s without an image; those that exist: %s", name, list, there)
	}
	return nil
}

func text(item any, key string) string {
	fields, _ := item.(map[string]any)
	value, _ := fields[key].(string)
	return value
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
