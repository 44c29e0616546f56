// Package trace finds what a release left behind: marks of ours on objects,
// and changes of the user's routes. It is given objects.
package trace

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// word is in every label, annotation, subset, name and field manager of ours.
const word = "grayscale"

// Remains are the places where something of ours is.
type Remains struct {
	History []string // where a Service keeps which releases there were: meant to stay
	Others  []string // not meant to stay
	Looked  int      // objects looked at
}

// Of looks for remains in all objects but those of the namespace in which the
// controller is installed.
func Of(objects []unstructured.Unstructured, controller string) Remains {
	var r Remains
	for n := range objects {
		o := &objects[n]
		if o.GetNamespace() == controller || o.GetKind() == "Namespace" && o.GetName() == controller {
			continue
		}
		r.Looked++
		for _, at := range places(o) {
			name := strings.ToLower(o.GetKind()) + "/" + o.GetName() + " " + at
			if o.GetKind() == "Service" && at == "metadata.annotations["+intent.AnnotationHistory+"]" {
				r.History = append(r.History, name)
			} else {
				r.Others = append(r.Others, name)
			}
		}
	}
	slices.Sort(r.History)
	slices.Sort(r.Others)
	return r
}

// places gives the fields of an object in whose name or text we are named.
// Who wrote a field is looked at on routes only: there an entry of ours would
// stand in the way of the user's next server-side apply, while the Deployment
// that a finished release leaves was made by us.
func places(o *unstructured.Unstructured) []string {
	content := o.DeepCopy()
	content.SetManagedFields(nil)
	var found []string
	search(content.Object, "", &found)
	if strings.HasPrefix(o.GetAPIVersion(), "networking.istio.io/") {
		for _, entry := range o.GetManagedFields() {
			if strings.Contains(entry.Manager, word) {
				found = append(found, fmt.Sprintf("metadata.managedFields[%s]", entry.Manager))
			}
		}
	}
	return found
}

func search(value any, path string, found *[]string) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			at := path + "." + key
			if strings.ContainsAny(key, "./") {
				at = path + "[" + key + "]"
			}
			if strings.Contains(key, word) {
				*found = append(*found, strings.TrimPrefix(at, "."))
				continue
			}
			search(inner, at, found)
		}
	case []any:
		for n, inner := range v {
			search(inner, fmt.Sprintf("%s[%d]", path, n), found)
		}
	case string:
		if strings.Contains(v, word) {
			*found = append(*found, strings.TrimPrefix(path, "."))
		}
	}
}
