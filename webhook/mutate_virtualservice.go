package webhook

import (
	"context"
	"fmt"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// mutateVirtualService keeps a foreign write from dropping our routes: it puts
// back, in the same write, the policy that the old object held.
type mutateVirtualService struct {
	decoder admission.Decoder
	mesh    mesh
}

// Handle answers one request. What it can't put back it lets through, with a
// warning: the reconciler repairs it a moment later.
func (h *mutateVirtualService) Handle(ctx context.Context, req admission.Request) admission.Response {
	was, is, err := objects(h.decoder, req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if was == nil {
		return admission.Allowed("")
	}
	splits, err := h.mesh.splits(ctx, was)
	if err != nil {
		return letThrough(ctx, req, err)
	}
	operations, err := decide.PutBack(is, splits)
	if len(operations) == 0 {
		if err != nil {
			return letThrough(ctx, req, err)
		}
		return admission.Allowed("")
	}
	patch := make([]jsonpatch.Operation, len(operations))
	for n, o := range operations {
		patch[n] = jsonpatch.NewOperation(o.Op, o.Path, o.Value)
	}
	res := admission.Patched("", patch...)
	if err != nil {
		res = res.WithWarnings(clean(fmt.Sprintf("VirtualService %s/%s: not all of a running release's policy fits these routes: %v", req.Namespace, req.Name, err)))
	}
	return res
}

func letThrough(ctx context.Context, req admission.Request, err error) admission.Response {
	log.FromContext(ctx).Error(err, "could not put routes back", "virtualservice", req.Namespace+"/"+req.Name, "user", req.UserInfo.Username)
	return admission.Allowed("").WithWarnings(clean(fmt.Sprintf(
		"VirtualService %s/%s: the routes of running releases are not in this write and will be put back in a moment: %v", req.Namespace, req.Name, err)))
}
