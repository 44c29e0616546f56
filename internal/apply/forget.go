package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// forget removes each annotation only if it still has the value that was acted
// on: an intent that was written since then is another one.
func forget(ctx context.Context, c client.Client, change plan.Change) error {
	var ops []operation
	after := change.Object.GetAnnotations()
	for key, value := range change.Before.GetAnnotations() {
		if _, stays := after[key]; !stays {
			path := "/metadata/annotations/" + escape(key)
			ops = append(ops, operation{"test", path, value}, operation{Op: "remove", Path: path})
		}
	}
	if len(ops) == 0 {
		return nil
	}
	patch, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	err = c.Patch(ctx, change.Before.DeepCopy(), client.RawPatch(types.JSONPatchType, patch), FieldOwner)
	if unmatched(err) {
		return apierrors.NewConflict(schema.GroupResource{Group: "apps", Resource: strings.ToLower(change.Before.GetKind()) + "s"}, change.Before.GetName(), fmt.Errorf("the intent was changed: %w", err))
	}
	return client.IgnoreNotFound(err)
}

// unmatched says whether a test of a JSON patch failed. The API server answers
// 422 without a word on which; a policy or a schema that refuses a write names
// the object, or a cause.
func unmatched(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		return false
	}
	s := status.Status()
	silent := s.Details == nil || s.Details.Name == "" && len(s.Details.Causes) == 0
	return silent && strings.HasPrefix(s.Message, "the server rejected our request")
}

// escape writes a key as a segment of a JSON pointer (RFC 6901, section 3).
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
