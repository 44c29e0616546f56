package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// guardDeployment keeps the pods of a version that carries traffic: it is not
// deleted, however its dependents are dealt with, given no new owner, and not scaled
// to 0. It fails open, by itself where it can't decide, and by the configuration.
type guardDeployment struct {
	live, cached client.Reader
	decoder      admission.Decoder
	controller   string
	events       recorder
}

// scaling is the subresource whose object is none of a Deployment's kind; that of the
// others is the whole Deployment.
const scaling = "scale"

// guardTime bounds the reads of an answer; the API server waits for 1 s.
const guardTime = 800 * time.Millisecond

// exempt are those of the cluster who delete what is to go anyway.
var exempt = []string{
	"system:serviceaccount:kube-system:generic-garbage-collector",
	"system:serviceaccount:kube-system:namespace-controller",
}

// Handle answers one request.
func (h *guardDeployment) Handle(ctx context.Context, req admission.Request) admission.Response {
	if req.UserInfo.Username == h.controller || slices.Contains(exempt, req.UserInfo.Username) {
		return admission.Allowed("")
	}
	ctx, cancel := context.WithTimeout(ctx, guardTime)
	defer cancel()
	verdict, deployment, err := h.judge(ctx, req)
	if err == nil && len(verdict.Faults) > 0 && h.terminating(ctx, req.Namespace) {
		return admission.Allowed("")
	}
	name := req.Name
	if deployment != nil {
		name = deployment.GetName() // who deletes a collection names none
	}
	subject := fmt.Sprintf("Deployment %s/%s", req.Namespace, name)
	if err != nil {
		log.FromContext(ctx).Error(err, "could not guard", "deployment", subject, "user", req.UserInfo.Username)
		return admission.Allowed("").WithWarnings(clean(fmt.Sprintf("%s: nobody knows whether it carries traffic of a release: %v", subject, err)))
	}
	h.events.yields(req, deployment, verdict)
	return answer(subject, verdict)
}

// judge also gives the Deployment as it stands.
func (h *guardDeployment) judge(ctx context.Context, req admission.Request) (v decide.Verdict, d *unstructured.Unstructured, err error) {
	was, is, by, err := h.loss(req)
	if was == nil || err != nil {
		return v, nil, err
	}
	name := was.GetName()
	claims, err := h.claims(ctx, req.Namespace)
	claim, ok := claims.Named(name)
	unread := claims.Unread()
	if err != nil || !ok && unread == nil {
		return v, nil, err
	}
	if req.SubResource == scaling { // a Scale, which holds nothing of its Deployment's
		was = snapshot.Object(snapshot.Deployments)
		if err := h.live.Get(ctx, types.NamespacedName{Namespace: req.Namespace, Name: name}, was); err != nil {
			return v, nil, fmt.Errorf("reading Deployment %s/%s: %w", req.Namespace, name, err)
		}
		is = was
	}
	if !ok {
		if clone, original := (decide.Write{After: was}).Concerns(); clone || original {
			return v, was, unread
		}
		return v, nil, nil
	}
	loss := decide.Loss{Deployment: was, By: by}
	if loss.Original, err = h.original(ctx, req.Namespace, claim, was, is); err != nil {
		return v, nil, err
	}
	live, err := h.routes(ctx, claim.Service.NamespacedName())
	if err != nil {
		return v, nil, err
	}
	return decide.Guard(loss, claim, live), was, nil
}

// loss reads a Deployment or Scale that loses all its pods, as it stands and as it
// is to be: nil when it is deleted. was is nil where it loses none.
func (h *guardDeployment) loss(req admission.Request) (was, is *unstructured.Unstructured, by decide.Way, err error) {
	if req.Operation == admissionv1.Delete {
		was = &unstructured.Unstructured{}
		if err := h.decoder.DecodeRaw(req.OldObject, was); err != nil {
			return nil, nil, by, fmt.Errorf("reading the Deployment as it was: %w", err)
		}
		return was, nil, decide.ByDeletion, nil
	}
	was, is, err = objects(h.decoder, req)
	switch {
	case err != nil || was == nil:
		return nil, nil, by, err
	case replicas(req, was) != 0 && replicas(req, is) == 0:
		return was, is, decide.ByScale, nil
	case slices.ContainsFunc(is.GetOwnerReferences(), func(o metav1.OwnerReference) bool {
		return !slices.ContainsFunc(was.GetOwnerReferences(), func(had metav1.OwnerReference) bool { return sameOwner(had, o) })
	}):
		return was, is, decide.ByOwner, nil
	}
	return nil, nil, by, nil
}

// sameOwner says whether two references lead the garbage collector to one owner: it
// looks that up by apiVersion, kind and name, and takes it for absent where its UID is
// another.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/#owner-references-in-object-specifications
func sameOwner(a, b metav1.OwnerReference) bool {
	return a.APIVersion == b.APIVersion && a.Kind == b.Kind && a.Name == b.Name && a.UID == b.UID
}

// replicas reads a Deployment's or a Scale's: the API leaves out the one's default
// 1 and the other's 0.
func replicas(req admission.Request, u *unstructured.Unstructured) int64 {
	if n, ok, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); ok {
		return n
	}
	if req.SubResource == scaling {
		return 0
	}
	return 1
}

// claims gives those of a namespace.
func (h *guardDeployment) claims(ctx context.Context, namespace string) (decide.Claims, error) {
	services, err := h.list(ctx, snapshot.Services, client.InNamespace(namespace))
	all := make([]release.Service, len(services))
	for n := range services {
		all[n] = release.ServiceOf(&services[n])
	}
	return decide.ClaimsOf(all), err
}

// original gives the original of a claim as it is after the write.
func (h *guardDeployment) original(ctx context.Context, namespace string, claim decide.Claim, was, is *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if claim.Status.Original.Name == was.GetName() {
		if is != nil {
			return is, nil
		}
		return was, nil
	}
	original := snapshot.Object(snapshot.Deployments)
	err := h.cached.Get(ctx, types.NamespacedName{Namespace: namespace, Name: claim.Status.Original.Name}, original)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading Deployment %s/%s: %w", namespace, claim.Status.Original.Name, err)
	}
	if err != nil {
		return nil, nil
	}
	return original, nil
}

// routes gives what the VirtualServices do with a Service's traffic now.
func (h *guardDeployment) routes(ctx context.Context, service types.NamespacedName) (out []route.Live, err error) {
	found, err := h.list(ctx, snapshot.VirtualServices, client.MatchingFields{snapshot.Index: service.String()})
	for n := range found {
		for _, live := range route.Read(&found[n]) {
			if live.Service == service {
				out = append(out, live)
			}
		}
	}
	return out, err
}

// list reads from the cache what is not to be changed.
func (h *guardDeployment) list(ctx context.Context, kind schema.GroupVersionKind, opts ...client.ListOption) ([]unstructured.Unstructured, error) {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := h.cached.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	return list.Items, nil
}

// terminating says whether all of a namespace is being deleted. Where nobody knows,
// the refusal stands: the namespace controller itself is never refused.
func (h *guardDeployment) terminating(ctx context.Context, name string) bool {
	namespace := snapshot.Object(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	if err := h.live.Get(ctx, types.NamespacedName{Name: name}, namespace); err != nil {
		log.FromContext(ctx).Error(err, "could not read a namespace", "namespace", name)
		return false
	}
	return namespace.GetDeletionTimestamp() != nil
}
