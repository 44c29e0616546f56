package webhook

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

// TestTheClustersOwnAreNotAskedAbout: what the garbage collector and the namespace
// controller take apart waits for no answer of ours, whatever it carries; the same
// writes of a user's do.
func TestTheClustersOwnAreNotAskedAbout(t *testing.T) {
	c := as(t, jane)
	d := c.deployment(keys("weight=1"))
	c.made(d)
	c.settled(d)
	const owner = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"gone"}]}}`
	writes := func(user string, dry cluster) map[string]func() error {
		return map[string]func() error{
			user + " deletes": func() error { return dry.Delete(t.Context(), d.DeepCopy(), client.DryRunAll) },
			user + " gives an owner": func() error {
				return dry.Patch(t.Context(), d.DeepCopy(), merge(owner), client.DryRunAll)
			},
			user + " writes a key of ours": func() error {
				return dry.Patch(t.Context(), d.DeepCopy(), merge(annotate(map[string]any{intent.KeyWeight: "2"})), client.DryRunAll)
			},
		}
	}
	for user, asked := range map[string]bool{
		jane: true,
		"system:serviceaccount:kube-system:generic-garbage-collector": false,
		"system:serviceaccount:kube-system:namespace-controller":      false,
	} {
		for what, write := range writes(user, as(t, user)) {
			before := calls(t, webhook.PathGuardDeployment) + calls(t, webhook.PathMutateDeployment) + calls(t, webhook.PathValidateDeployment)
			if err := write(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			after := calls(t, webhook.PathGuardDeployment) + calls(t, webhook.PathMutateDeployment) + calls(t, webhook.PathValidateDeployment)
			if (after > before) != asked {
				t.Errorf("%s: %d calls of ours, want some: %v", what, after-before, asked)
			}
		}
	}
}
