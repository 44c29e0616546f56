package route

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// The conditions of a copy by content can't be told from those of the route that
// it copies. So the rules stand beside them, in an annotation of ours: the policy
// can be read back from the VirtualService alone. Without such copies there is
// none.

// noted gives the rules by Service; nil where nothing readable is noted.
func noted(vs *unstructured.Unstructured) map[types.NamespacedName][]content.Rule {
	value, _ := text(object(object(vs.Object, "metadata"), "annotations"), intent.AnnotationRules)
	var byName map[string][]content.Rule
	if value == "" || json.Unmarshal([]byte(value), &byName) != nil {
		return nil
	}
	out := map[types.NamespacedName][]content.Rule{}
	for name, rules := range byName {
		if service, ok := parseName(name); ok && len(rules) > 0 {
			out[service] = rules
		}
	}
	return out
}

// note writes the rules of splits whose copies stand in the VirtualService.
func note(vs *unstructured.Unstructured, splits []Split) error {
	byName := map[string][]content.Rule{}
	for _, live := range Read(vs) {
		for _, split := range splits {
			if split.Service == live.Service && live.Content > 0 {
				byName[split.Service.String()] = split.Match
			}
		}
	}
	if len(byName) == 0 {
		return nil
	}
	value, err := json.Marshal(byName)
	if err != nil {
		return err
	}
	meta := object(vs.Object, "metadata")
	if meta == nil {
		return nil // no API server gave it
	}
	annotations := object(meta, "annotations")
	if annotations == nil {
		if meta["annotations"] != nil {
			return nil // nor this
		}
		annotations = map[string]any{}
		meta["annotations"] = annotations
	}
	annotations[intent.AnnotationRules] = string(value)
	return nil
}

// unnote takes the note away again, and a map that held nothing else.
func unnote(vs *unstructured.Unstructured) {
	meta := object(vs.Object, "metadata")
	annotations := object(meta, "annotations")
	if _, has := annotations[intent.AnnotationRules]; !has {
		return
	}
	delete(annotations, intent.AnnotationRules)
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
}

// hasNote says whether something is noted, readable or not.
func hasNote(vs *unstructured.Unstructured) bool {
	if vs == nil {
		return false
	}
	_, has := object(object(vs.Object, "metadata"), "annotations")[intent.AnnotationRules]
	return has
}

func parseName(name string) (service types.NamespacedName, ok bool) {
	at := slices.Index([]byte(name), '/')
	if at <= 0 || at == len(name)-1 {
		return service, false
	}
	return types.NamespacedName{Namespace: name[:at], Name: name[at+1:]}, true
}
