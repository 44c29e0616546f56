package workload

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Arrived says whether an original's pod template is the grayscale version's: its
// version label, its images, and what the patch asks for. A label alone would be
// the old version under the new one's name.
//
// It is, too, where it is the clone's as that was stored: a patch that replaces a
// list or an object whole drops what the API server wrote into it by default, and
// so never becomes what is stored.
func Arrived(original *unstructured.Unstructured, s *release.Status) bool {
	if release.WorkloadOf(original).Template[s.Label] != s.Grayscale.Version {
		return false
	}
	made := original.DeepCopy()
	if change(made, s) == nil && Same(template(made), template(original)) {
		return true
	}
	if s.Finish == intent.InPlace {
		marked := original.DeepCopy()
		mark(marked, s)
		original = marked
	}
	return s.Grayscale.Template != "" && release.WorkloadOf(original).TemplateHash == s.Grayscale.Template
}

func template(d *unstructured.Unstructured) map[string]any {
	t, _, _ := unstructured.NestedMap(d.Object, "spec", "template")
	return t
}

// ClonedFrom says whether a clone was made from the original as it is now.
func ClonedFrom(clone, original *unstructured.Unstructured, s *release.Status) bool {
	made, err := Clone(original, s, 0)
	return err == nil && Same(template(made), template(clone))
}
