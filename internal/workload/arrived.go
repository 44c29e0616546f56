package workload

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Arrived says whether an original's pod template is the grayscale version's: its
// version label, its images, and what the patch asks for. A label alone would be
// the old version under the new one's name.
func Arrived(original *unstructured.Unstructured, s *release.Status) bool {
	if release.WorkloadOf(original).Template[s.Label] != s.Grayscale.Version {
		return false
	}
	made := original.DeepCopy()
	return change(made, s) == nil && reflect.DeepEqual(made.Object["spec"], original.Object["spec"])
}
