package webhook

import (
	"context"
	"fmt"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// validateDeployment refuses what the contract forbids.
type validateDeployment struct {
	read       reader
	decoder    admission.Decoder
	controller string
	mesh       mesh
}

// Handle answers one request. An error means that nothing could be decided,
// and refuses too.
func (h *validateDeployment) Handle(ctx context.Context, req admission.Request) admission.Response {
	write, err := writeOf(h.decoder, req, h.controller)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	verdict, err := h.judge(ctx, write)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("deciding on Deployment %s/%s: %w", req.Namespace, req.Name, err))
	}
	if len(verdict.Faults) > 0 {
		log.FromContext(ctx).Info("refused", "deployment", req.Namespace+"/"+req.Name, "user", req.UserInfo.Username, "faults", verdict.Faults.Error())
	}
	return answer(fmt.Sprintf("Deployment %s/%s", req.Namespace, req.Name), verdict)
}

func (h *validateDeployment) judge(ctx context.Context, w decide.Write) (decide.Verdict, error) {
	clone, original := w.Concerns()
	switch {
	case clone:
		claims, err := h.read.claims(ctx, w.After.GetNamespace())
		if err != nil {
			return decide.Verdict{}, err
		}
		return decide.Clone(w, claims), nil
	case original:
		return h.judgeIntent(ctx, w)
	}
	return decide.Verdict{}, nil
}

func (h *validateDeployment) judgeIntent(ctx context.Context, w decide.Write) (decide.Verdict, error) {
	world, err := h.read.world(ctx, w.After.GetNamespace())
	if err != nil {
		return decide.Verdict{}, err
	}
	verdict, ask := decide.Intent(w, world)
	if ask == nil {
		return verdict, nil
	}
	refusals, err := h.mesh.refusals(ctx, w.After, *ask)
	if err != nil || ask.Spec == nil {
		verdict.Add(decide.Verdict{Faults: refusals})
		return verdict, err
	}
	warnings, err := h.read.counts(ctx, *ask.Spec)
	verdict.Add(decide.Verdict{Faults: refusals, Warnings: warnings})
	return verdict, err
}
