package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

const (
	poll = 50 * time.Millisecond
	soon = time.Minute
)

// admission is what the product has the API server ask and check at a write, as
// it was found.
type admission struct {
	shop
	parts []*unstructured.Unstructured
}

// found reads the webhook configurations and policies of the installation.
func found(ctx context.Context, s shop) (admission, error) {
	a := admission{shop: s}
	for _, r := range manifests.Removal() {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(r.APIVersion)
		list.SetKind(r.Kind + "List")
		if list.GroupVersionKind().Group != admissionregistrationv1.GroupName {
			continue
		}
		if err := s.cluster.List(ctx, list, client.MatchingLabels(manifests.Selector)); err != nil {
			return a, fmt.Errorf("listing %s: %w", r.Kind, err)
		}
		for n := range list.Items {
			a.parts = append(a.parts, &list.Items[n])
		}
	}
	if len(a.parts) == 0 {
		return a, errors.New("the product is not installed")
	}
	return a, nil
}

// set puts all of it in place, or takes it away, and returns when the API server
// does accordingly.
func (a admission) set(ctx context.Context, present bool) error {
	for _, part := range a.parts {
		var err error
		if present {
			again := part.DeepCopy()
			again.SetResourceVersion("")
			again.SetUID("")
			if err = a.cluster.Create(ctx, again); apierrors.IsAlreadyExists(err) {
				err = nil
			}
		} else {
			err = client.IgnoreNotFound(a.cluster.Delete(ctx, part))
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", part.GetKind(), part.GetName(), err)
		}
	}
	err := wait.PollUntilContextTimeout(ctx, poll, soon, true, func(ctx context.Context) (bool, error) {
		return a.asked(ctx, present)
	})
	if err != nil {
		return fmt.Errorf("waiting until the API server knows that webhooks are there (%t): %w", present, err)
	}
	return nil
}

// asked says whether the webhooks answer, or else whether nobody asks them: whether
// a clone of nobody's is refused. That they are asked, and don't answer, is neither.
func (a admission) asked(ctx context.Context, want bool) (bool, error) {
	labels := map[string]string{"app": "probe"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: a.namespace, Name: "probe", Labels: map[string]string{intent.LabelTask: "probe", intent.LabelOf: "probe"},
	}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template.Labels = labels
	d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, container)
	switch err := a.cluster.Create(ctx, d, client.DryRunAll); {
	case err == nil:
		return !want, nil
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "validate.deployments.grayscale.dev"):
		return want, nil
	case apierrors.IsInternalError(err):
		return false, nil
	default:
		return false, err
	}
}
