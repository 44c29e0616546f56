package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// mutateDeployment writes what nobody else may: who asked for a release, and
// the labels of the clone.
type mutateDeployment struct {
	read       reader
	decoder    admission.Decoder
	controller string
}

// Handle answers one request. It refuses nothing: that is the validating
// webhook's, which sees what all mutating ones have made.
func (h *mutateDeployment) Handle(ctx context.Context, req admission.Request) admission.Response {
	write, err := writeOf(h.decoder, req, h.controller)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	clone, original := write.Concerns()
	switch {
	case clone && write.Ours() && write.Before == nil:
		return h.normalize(ctx, req, write)
	case original:
		return by(write)
	}
	return admission.Allowed("")
}

// pathBy is grayscale.dev/by in a JSON pointer, where / is ~1.
const pathBy = "/metadata/annotations/grayscale.dev~1by"

func by(w decide.Write) admission.Response {
	is, had := w.After.GetAnnotations()[intent.KeyBy]
	user, set := decide.By(w)
	switch {
	case set && (!had || is != user):
		return admission.Patched("", jsonpatch.NewOperation("add", pathBy, user)) // replaces, where there is one
	case !set && had:
		return admission.Patched("", jsonpatch.NewOperation("remove", pathBy, nil))
	}
	return admission.Allowed("")
}

func (h *mutateDeployment) normalize(ctx context.Context, req admission.Request, w decide.Write) admission.Response {
	claims, err := h.read.claims(ctx, req.Namespace)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("labelling Deployment %s/%s: %w", req.Namespace, req.Name, err))
	}
	normal := decide.Normal(w, claims)
	if normal == nil {
		return admission.Allowed("")
	}
	was, err := json.Marshal(w.After)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("labelling Deployment %s/%s: %w", req.Namespace, req.Name, err))
	}
	is, err := json.Marshal(normal)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("labelling Deployment %s/%s: %w", req.Namespace, req.Name, err))
	}
	return admission.PatchResponseFromRaw(was, is)
}
