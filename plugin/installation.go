package plugin

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// installation finds the namespace of the controller: the one whose Service the
// API server asks about writes. A cluster has one, for the webhook
// configurations have one name. Empty: none is installed.
func (e *Env) installation(ctx context.Context) (namespace string, err error) {
	c, err := e.Client()
	if err != nil {
		return "", err
	}
	// Either may be all that is left by an uninstall that was cut short.
	for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} {
		u := newObject("admissionregistration.k8s.io/v1", kind)
		err := c.Get(ctx, client.ObjectKey{Name: manifests.Webhooks}, u)
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("reading %s %s: %w", kind, manifests.Webhooks, err)
		}
		if namespace := calls(u); namespace != "" {
			return namespace, nil
		}
	}
	return "", nil
}

// calls gives the namespace of the Service that a webhook configuration calls.
func calls(configuration *unstructured.Unstructured) string {
	webhooks, _, _ := unstructured.NestedSlice(configuration.Object, "webhooks")
	for _, w := range webhooks {
		if webhook, ok := w.(map[string]any); ok {
			if namespace, _, _ := unstructured.NestedString(webhook, "clientConfig", "service", "namespace"); namespace != "" {
				return namespace
			}
		}
	}
	return ""
}

// chosen is the namespace to work on: the installation's, else the one that the
// flag says, else the default. A flag that says another one than the
// installation's is refused: the cluster-scoped half can be had only once.
func (e *Env) chosen(ctx context.Context, flag, verb string) (string, error) {
	installed, err := e.installation(ctx)
	switch {
	case err != nil:
		return "", err
	case installed == "" && flag == "":
		return manifests.Namespace, nil
	case installed == "":
		return flag, nil
	case flag != "" && flag != installed:
		return "", fmt.Errorf("the controller is installed in namespace %s, not in %s: %s %s --controller-namespace %s", installed, flag, e.Called, verb, installed)
	}
	return installed, nil
}
