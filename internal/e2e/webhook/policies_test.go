package webhook

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// policies puts the manifests' policies on the API server until the test ends, and
// waits until the API server has found no fault in their expressions.
func policies(t *testing.T) {
	t.Helper()
	objects, err := manifests.Build(manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if !strings.HasPrefix(o.GetKind(), "ValidatingAdmissionPolicy") {
			continue
		}
		if err := admin().Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := admin().Delete(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
		if o.GetKind() == "ValidatingAdmissionPolicy" {
			faultless(t, o.GetName())
		}
	}
}

func faultless(t *testing.T, policy string) {
	t.Helper()
	var p admissionv1.ValidatingAdmissionPolicy
	if err := until(t.Context(), policy+" is type-checked", func() (bool, error) {
		err := admin().Get(t.Context(), types.NamespacedName{Name: policy}, &p)
		return err == nil && p.Status.ObservedGeneration == p.Generation && p.Status.TypeChecking != nil, err
	}); err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Status.TypeChecking.ExpressionWarnings {
		t.Errorf("%s: %s: %s", policy, w.FieldRef, w.Warning)
	}
}

// refuses has a dry run of a write tried until it is refused: policies reach the API
// server's admission in their own time.
func (c cluster) refuses(write func(...client.PatchOption) error, parts ...string) {
	c.Helper()
	var last error
	if err := until(c.Context(), "a refusal", func() (bool, error) {
		last = write(client.DryRunAll)
		return last != nil, nil
	}); err != nil {
		c.Fatal(err)
	}
	c.refused(last, parts...)
	c.refused(write(), parts...)
}

func (c cluster) patching(o *unstructured.Unstructured, patch string) func(...client.PatchOption) error {
	return func(options ...client.PatchOption) error {
		return c.Patch(c.Context(), o.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)), options...)
	}
}

// owner is a user who may do anything with the Services of the namespace, and
// nothing else.
func (c cluster) owner() tenant {
	c.Helper()
	u := c.tenant("tina")
	u.granted(c.namespace, may("services", "get list create update patch delete"), may("services/status", "update patch"))
	return u
}

// TestOnlyTheControllerWritesClaimAndHistory: without the policy each of these
// writes is admitted, with it each is refused.
func TestOnlyTheControllerWritesClaimAndHistory(t *testing.T) {
	c := as(t, jane)
	service, original := c.service(), c.deployment(nil)
	c.made(original)
	c.claimed(service, original)
	c.patched(service, annotate(map[string]any{intent.AnnotationHistory: `{"schema":1}`}))
	user := c.owner()
	status := c.now(service).GetAnnotations()[intent.AnnotationStatus]
	replaced := func() *unstructured.Unstructured {
		s := c.now(service)
		s.SetAnnotations(nil)
		return s
	}
	byStatus := func(options ...client.PatchOption) error {
		patch := client.RawPatch(types.MergePatchType, []byte(annotate(map[string]any{intent.AnnotationStatus: nil})))
		var o []client.SubResourcePatchOption
		for range options {
			o = append(o, client.DryRunAll)
		}
		return user.Status().Patch(c.Context(), service.DeepCopy(), patch, o...)
	}
	writes := map[string]func(...client.PatchOption) error{
		"claim removed":           user.patching(service, annotate(map[string]any{intent.AnnotationStatus: nil})),
		"claim removed by status": byStatus,
		"claim of another":        user.patching(service, annotate(map[string]any{intent.AnnotationStatus: strings.Replace(status, "reviews-v2", "mine", 1)})),
		"history removed":         user.patching(service, annotate(map[string]any{intent.AnnotationHistory: nil})),
		"history forged":          user.patching(service, annotate(map[string]any{intent.AnnotationHistory: `{"schema":1,"spent":["0"]}`})),
		"another key of ours":     user.patching(service, annotate(map[string]any{intent.Prefix + "x": "y"})),
		"a replace without them": func(options ...client.PatchOption) error {
			if len(options) > 0 {
				return user.Update(c.Context(), replaced(), client.DryRunAll)
			}
			return user.Update(c.Context(), replaced())
		},
	}
	for what, write := range writes {
		if err := write(client.DryRunAll); err != nil {
			t.Fatalf("%s, without the policy: %v", what, err)
		}
	}
	policies(t)
	for what, write := range writes {
		t.Run(what, func(*testing.T) {
			user.refuses(write, "Service "+c.namespace+"/reviews", "services/claim", "Leave them as they stand", "grayscale.dev/")
		})
	}
	if now := c.now(service).GetAnnotations()[intent.AnnotationStatus]; now != status {
		t.Errorf("the claim is now %s", now)
	}
	user.patched(service, annotate(map[string]any{"a": "b"}))
	user.patched(service, `{"spec":{"sessionAffinity":"ClientIP"}}`)
	user.applies(service)
	user.granted(c.namespace, may("services/claim.grayscale.dev", "update"))
	user.patched(service, annotate(map[string]any{intent.AnnotationStatus: nil}))
	c.patched(service, annotate(map[string]any{intent.AnnotationHistory: nil})) // an administrator
}

// applies applies the Service as Git has it, without a word of a release, and
// checks that the claim stays.
func (c cluster) applies(service *unstructured.Unstructured) {
	c.Helper()
	plain := of(`{apiVersion: v1, kind: Service, metadata: {name: reviews, labels: {from: git}}, spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}}`, nil)
	plain.SetNamespace(c.namespace)
	if err := c.Apply(c.Context(), client.ApplyConfigurationFromUnstructured(plain), client.FieldOwner("git"), client.ForceOwnership); err != nil {
		c.Fatal(err)
	}
	if c.now(service).GetAnnotations()[intent.AnnotationStatus] == "" {
		c.Error("an apply took the claim away")
	}
}

// TestCopiesOfServices: a Service made anew with the annotations of another, or its
// own from a backup, is admitted; its claim counts as none, and may be removed by
// anybody, and nothing else of it may.
func TestCopiesOfServices(t *testing.T) {
	c := as(t, jane)
	service, original := c.service(), c.deployment(nil)
	c.made(original)
	c.claimed(service, original)
	c.patched(service, annotate(map[string]any{intent.AnnotationHistory: `{"schema":1}`}))
	policies(t)
	user := c.owner()
	user.refuses(user.patching(service, annotate(map[string]any{intent.AnnotationHistory: nil})), intent.AnnotationHistory)

	clean := c.now(service)
	if err := user.Delete(t.Context(), service); err != nil {
		t.Fatalf("deleting the Service: %v", err)
	}
	restored := object("v1", "Service", c.namespace, "reviews")
	restored.SetAnnotations(clean.GetAnnotations())
	restored.Object["spec"] = map[string]any{"selector": map[string]any{"app": "reviews"}, "ports": []any{map[string]any{"port": int64(9080)}}}
	user.made(restored)
	if claim, err := release.Claim(restored.GetAnnotations(), restored.GetUID()); err != nil || claim != nil {
		t.Errorf("the restored Service has a claim: %v, %v", claim, err)
	}
	user.patched(restored, `{"spec":{"selector":{"app":"other"}}}`)
	user.refused(user.try(restored, annotate(map[string]any{intent.AnnotationStatus: `{"schema":1}`})), intent.AnnotationStatus)
	user.patched(restored, annotate(map[string]any{intent.AnnotationStatus: nil}))
	user.refused(user.try(restored, annotate(map[string]any{intent.AnnotationHistory: nil})), intent.AnnotationHistory)
}

// TestTheSelectorStaysWhileAReleaseRuns: it is refused to everybody but who takes
// the claim away in the same write; deleting the Service is free.
func TestTheSelectorStaysWhileAReleaseRuns(t *testing.T) {
	c := as(t, jane)
	service, original := c.service(), c.deployment(nil)
	c.made(original)
	user := c.owner()
	other, none, external := `{"spec":{"selector":{"app":"other"}}}`, `{"spec":{"selector":null}}`, `{"spec":{"type":"ExternalName","externalName":"example.com","clusterIP":"","clusterIPs":null}}`
	policies(t)
	c.claimed(service, original)
	words := []string{"Service " + c.namespace + "/reviews", "while release reviews-v2 runs", "kubectl grayscale cancel reviews-v2 -n " + c.namespace}
	for _, patch := range []string{other, none, external} {
		user.refuses(user.patching(service, patch), words...)
	}
	c.refused(c.try(service, other), words...) // whatever rights one has
	user.patched(service, `{"spec":{"sessionAffinity":"ClientIP"}}`)
	c.phased(service, release.Finished)
	user.patched(service, other)
	c.phased(service, release.Routing)
	user.refused(user.try(service, none), words...)
	c.patched(service, `{"metadata":{"annotations":{"grayscale.dev/status":null}},"spec":{"selector":{"app":"reviews"}}}`)
	c.claimed(service, original)
	user.refused(user.try(service, other), words...)
	if err := user.Delete(t.Context(), service); err != nil {
		t.Errorf("deleting the Service: %v", err)
	}
}

// phased writes another phase into the claim.
func (c cluster) phased(service *unstructured.Unstructured, phase release.Phase) {
	c.Helper()
	status, err := release.ParseStatus(c.now(service).GetAnnotations()[intent.AnnotationStatus])
	if err != nil {
		c.Fatal(err)
	}
	status.Phase = phase
	value, err := json.Marshal(status)
	if err != nil {
		c.Fatal(err)
	}
	c.patched(service, annotate(map[string]any{intent.AnnotationStatus: string(value)}))
}
