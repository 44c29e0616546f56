package decide_test

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// FuzzDecide: whatever is written, there is an answer, and a stranger never
// gets a clone.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"metadata":{"annotations":{"grayscale.dev/release":"abcd","grayscale.dev/weight":"1e9"}}}`), []byte(`{}`))
	f.Add([]byte(`{"metadata":{"labels":{"grayscale.dev/task":"abcd"},"annotations":7}}`), []byte(`{"spec":{"template":[]}}`))
	f.Add([]byte(`{"metadata":{"name":"reviews-v2","labels":{"grayscale.dev/of":""}},"spec":7}`), []byte(`{"metadata":null}`))
	f.Add([]byte(`{"metadata":{"annotations":{"grayscale.dev/release":"a\ud800","grayscale.dev/image":"=,=,"}},"spec":{"selector":{"matchLabels":{"a":1}}}}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		after, before := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		if json.Unmarshal(one, &after.Object) != nil || after.Object == nil {
			return
		}
		if json.Unmarshal(two, &before.Object) != nil || before.Object == nil {
			before = nil
		}
		services := []release.Service{service(t, "reviews", running())}
		w := write(before, after)
		v, _ := decide.Intent(w, world(t, services, after))
		_ = v.Faults.Error()
		clone := decide.Clone(w, decide.ClaimsOf(services))
		if workload.IsClone(after) && before == nil && len(clone.Faults) == 0 {
			t.Errorf("a stranger's clone is admitted: %s", one)
		}
		decide.By(w)
		if _, err := decide.PutBack(after, splits()); err != nil {
			_ = err.Error()
		}
	})
}
