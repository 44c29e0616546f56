package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// waitForController waits until the controller's pods are available and its
// webhooks really answer.
func (e *Env) waitForController(ctx context.Context, namespace string) error {
	line := e.progress()
	defer line.end()
	line.show("waiting for Deployment %s/%s", namespace, manifests.Controller)
	changes, stop, err := e.watch(ctx, watched{"apps/v1", "Deployment", namespace, nil}, watched{"v1", "Pod", namespace, nil})
	if err != nil {
		return e.gaveUp(err, "the controller is not ready")
	}
	defer stop()
	trouble := e.trouble(namespace, manifests.Controller)
	for {
		available, message, err := e.controllerAvailable(ctx, namespace)
		if err != nil {
			return err
		}
		if available == wholly {
			break
		}
		line.show("%s", message)
		switch err := next(ctx, changes); {
		case errors.Is(err, errStalled):
			trouble.show(ctx, line)
		case err != nil:
			trouble.show(ctx, line)
			return e.gaveUp(err, fmt.Sprintf("the controller is not ready: %s", message))
		}
	}
	line.show("waiting for the webhooks to answer")
	return e.waitForWebhooks(ctx, namespace)
}

// availability is how many of the controller's pods are available.
type availability int

const (
	notAtAll availability = iota
	partly                // enough for the releases, and not for an installation
	wholly
)

func (e *Env) controllerAvailable(ctx context.Context, namespace string) (is availability, message string, err error) {
	c, err := e.Client()
	if err != nil {
		return notAtAll, "", err
	}
	var d appsv1.Deployment
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: manifests.Controller}, &d); err != nil {
		err = fmt.Errorf("reading Deployment %s/%s: %w", namespace, manifests.Controller, err)
		return notAtAll, "", e.gaveUp(err, "the controller is not ready")
	}
	want := int32(1) // one that is scaled to none does no work
	if d.Spec.Replicas != nil {
		want = max(want, *d.Spec.Replicas)
	}
	s := d.Status
	switch {
	case s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want:
		is = wholly
	case s.AvailableReplicas > 0:
		is = partly
	}
	return is, fmt.Sprintf("Deployment %s/%s: %d of %d pods available", namespace, manifests.Controller, min(s.AvailableReplicas, s.UpdatedReplicas), want), nil
}

// waitForWebhooks asks for what must be refused, as a dry run, until it is. A
// refusal can't be watched for: certificates and endpoints reach the API
// server in their own time.
func (e *Env) waitForWebhooks(ctx context.Context, namespace string) error {
	c, err := e.Client()
	if err != nil {
		return err
	}
	e.quiet = true
	defer func() { e.quiet = false }()
	var last error
	err = wait.PollUntilContextCancel(ctx, 300*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		last = c.Create(ctx, probe(namespace), client.DryRunAll)
		sentences, refused := refusal(last)
		return refused && strings.Contains(sentences, intent.KeyRelease), nil
	})
	if err != nil {
		if last == nil {
			last = errors.New("a bad intent was let through")
		}
		return e.gaveUp(err, fmt.Sprintf("the webhooks do not answer: %v", last))
	}
	return nil
}

// probe is a Deployment that the webhooks must refuse: its task name is none.
// Its pods fit the restricted Pod Security Standard, so that nothing else objects.
func probe(namespace string) *appsv1.Deployment {
	labels := map[string]string{"grayscale-probe": "true"}
	yes, no := true, false
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "grayscale-probe",
			Annotations: map[string]string{intent.KeyRelease: "No"},
		},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot:   &yes,
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{{
						Name: "probe", Image: "probe:v1",
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: &no,
							Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
					}},
				},
			},
		},
	}
}
