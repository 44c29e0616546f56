package decide

import (
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// By gives who is to stand in grayscale.dev/by after the write: the requester
// where there is an intent, nobody (set is false) where there is none. The
// controller's own writes leave it as it was before.
func By(w Write) (user string, set bool) {
	if !intent.Starts(w.After.GetAnnotations()) {
		return "", false
	}
	if !w.Ours() {
		return w.User, true
	}
	if w.Before == nil {
		return "", false
	}
	user, set = w.Before.GetAnnotations()[intent.KeyBy]
	return user, set
}

// Normal gives the clone that our controller is creating as it is to be, or
// nil where the write is none of that.
func Normal(w Write, claims Claims) *unstructured.Unstructured {
	claim, claimed := claims.clone(w.After.GetLabels()[intent.LabelTask], w.After.GetName())
	if !w.Ours() || w.Before != nil || !claimed {
		return nil
	}
	return workload.Normalize(w.After, claim.Status)
}
