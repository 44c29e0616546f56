package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// validateDeployment refuses what the contract forbids.
type validateDeployment struct {
	read       reader
	decoder    admission.Decoder
	controller string
	mesh       mesh
	authority  authority
	events     recorder
	gate       gate
}

// Handle answers one request. An error means that nothing could be decided,
// and refuses too.
func (h *validateDeployment) Handle(ctx context.Context, req admission.Request) admission.Response {
	write, err := writeOf(h.decoder, req, h.controller)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	subject := fmt.Sprintf("Deployment %s/%s", req.Namespace, req.Name)
	ctx, end := timely(ctx)
	defer end()
	if !write.Ours() {
		leave, err := h.gate.enter(ctx, req.UserInfo.Username)
		if err != nil {
			return busy(subject, err)
		}
		defer leave()
	}
	verdict, err := h.judge(ctx, req, write)
	if late := late(ctx, err); late != nil {
		return busy(subject, late) // whatever was read: it may not be all
	}
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("deciding on %s: %w", subject, err))
	}
	if len(verdict.Faults) > 0 {
		log.FromContext(ctx).Info("refused", "deployment", req.Namespace+"/"+req.Name, "user", req.UserInfo.Username, "faults", verdict.Faults.Error())
	}
	h.events.yields(req, write.After, verdict)
	return answer(subject, verdict)
}

func (h *validateDeployment) judge(ctx context.Context, req admission.Request, w decide.Write) (decide.Verdict, error) {
	clone, original := w.Concerns()
	switch {
	case clone:
		claims, err := h.read.claims(ctx, w.After.GetNamespace())
		if err != nil {
			return decide.Verdict{}, err
		}
		return decide.Clone(w, claims), nil
	case original:
		return h.judgeIntent(ctx, req, w)
	}
	return decide.Verdict{}, nil
}

func (h *validateDeployment) judgeIntent(ctx context.Context, req admission.Request, w decide.Write) (decide.Verdict, error) {
	world, err := h.read.world(ctx, w.After.GetNamespace())
	if err != nil {
		return decide.Verdict{}, err
	}
	verdict, ask := decide.Intent(w, world)
	if ask == nil {
		return verdict, nil
	}
	more, err := h.ask(ctx, req, w, *ask)
	verdict.Add(more)
	return verdict, err
}

// ask answers what only the cluster can: whether the requester may do what the
// release will do, and whether that is possible. Who may not even make the clone
// has nothing of the mesh read for it.
func (h *validateDeployment) ask(ctx context.Context, req admission.Request, w decide.Write, ask decide.Question) (v decide.Verdict, err error) {
	whole, clone, may := plan.ReleaseRight(ask.Service), plan.CloneRight(ask.Service.Namespace), w.Ours()
	if !may {
		if may, _, err = h.authority.may(ctx, req.UserInfo, whole); err != nil {
			return v, err
		}
	}
	if may && !ask.Mesh {
		return v, nil
	}
	if !may {
		if v.Faults, err = h.authority.lacks(ctx, req.UserInfo, []plan.Right{clone}, whole); err != nil || len(v.Faults) > 0 {
			return v, err
		}
	}
	if ask.Service.Name == "" {
		return v, nil
	}
	doubts := func() []string { return nil }
	if ask.Mesh && ask.Spec != nil {
		doubts = h.read.doubts(ctx, *ask.Spec)
	}
	s, err := h.mesh.after(ctx, w.After, ask.Service)
	if err != nil {
		return v, err
	}
	if !may {
		others := slices.DeleteFunc(plan.Rights(s, ask.Intent, ask.Spec), func(r plan.Right) bool { return r == clone })
		if v.Faults, err = h.authority.lacks(ctx, req.UserInfo, others, whole); err != nil {
			return v, err
		}
	}
	if ask.Mesh {
		v.Faults = append(v.Faults, refusals(s, ask)...)
	}
	v.Warnings = doubts()
	return v, nil
}
