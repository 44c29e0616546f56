package webhook

import (
	"context"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// down has the API server call a port of nobody's instead of us, until the test ends.
func down(t *testing.T) {
	t.Helper()
	nobody, err := free()
	if err != nil {
		t.Fatal(err)
	}
	instead(t, local(nobody))
}

// instead has the API server call there, where nobody answers, until the test ends.
func instead(t *testing.T, there where) {
	t.Helper()
	redirect(t, t.Context(), there)
	refused := func() (bool, error) {
		err := admin().Create(t.Context(), deployment("default", "probe", good()), client.DryRunAll)
		return err != nil && !isAnswer(err), nil
	}
	if err := until(t.Context(), "the API server calls nobody", refused); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		redirect(t, ctx, local(port))
		if err := answered(ctx); err != nil {
			t.Error(err)
		}
	})
}

// isAnswer says whether a refusal is a webhook's answer, and not the lack of
// one.
func isAnswer(err error) bool {
	return strings.Contains(err.Error(), "denied the request")
}

func redirect(t *testing.T, ctx context.Context, there where) {
	t.Helper()
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		u := object("admissionregistration.k8s.io/v1", kind, "", name)
		if err := admin().Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
			t.Fatal(err)
		}
		if err := dial(u, there); err != nil {
			t.Fatal(err)
		}
		if err := admin().Update(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWithTheControllerDown: nobody notices, but for whoever asks for
// something that must be checked.
func TestWithTheControllerDown(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(good("weight=10"))
	c.made(d)
	c.claimed(service, d)
	clone := c.clone()
	as(t, we).made(clone)
	c.made(c.virtualService("reviews", ourRoute, userRoute))
	down(t)

	c.patched(d, newImage)
	c.scaled(d, oneReplica)
	c.status(d, itsStatus)
	c.scaled(clone, oneReplica)
	c.patched(d, annotate(map[string]any{intent.KeyTraffic: "original"}))
	c.patched(d, annotate(map[string]any{intent.KeyEnd: "cancel", intent.KeyTraffic: nil, intent.KeyWeight: nil}))
	c.made(deployment(c.namespace, "plain", nil))
	start := time.Now()
	c.patched(c.virtualService("reviews"), annotate(map[string]any{"a": "b"}))
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a VirtualService's write took %s, want at most the webhook's 2 s and a little", took)
	}
	for what, patch := range map[string]string{
		"a weight": annotate(map[string]any{intent.KeyWeight: "20"}),
		"finish":   annotate(map[string]any{intent.KeyEnd: "finish"}),
	} {
		if err := c.try(d, patch); err == nil || isAnswer(err) {
			t.Errorf("%s is admitted unchecked: %v", what, err)
		}
	}
	if err := c.try(clone, newImage); err == nil {
		t.Error("the clone's template is edited unchecked")
	}
	c.patched(d, `{"metadata":{"annotations":null}}`)
	c.patched(d, podLabel)
}
