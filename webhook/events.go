package webhook

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// recorder tells of what a guard let through.
type recorder struct{ events.EventRecorder }

// ReasonUnprotected is that of the events.
const ReasonUnprotected = "Unprotected"

// yields records, on the Deployment, who did what a guard would have refused; not
// of a dry run, which does nothing.
func (r recorder) yields(req admission.Request, deployment *unstructured.Unstructured, v decide.Verdict) {
	if len(v.Faults) > 0 || req.DryRun != nil && *req.DryRun {
		return
	}
	// Without a version, for the API server asks once more where an object was written
	// meanwhile: then it is the same event again.
	on := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}}
	if len(v.Yields) > 0 {
		on.Namespace, on.Name, on.UID = req.Namespace, deployment.GetName(), deployment.GetUID()
	}
	for _, what := range v.Yields {
		r.Eventf(on, nil, corev1.EventTypeWarning, ReasonUnprotected, "Admit", "%s",
			clean("user "+req.UserInfo.Username+" "+what+", as "+intent.KeyAccept+": "+string(intent.Unprotected)+" allows"))
	}
}
