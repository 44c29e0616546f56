package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// kind is what is created.
type kind string

const (
	unrelated kind = "an unrelated Deployment"
	related   kind = "a Deployment with an intent"
	crowded   kind = "the same, 50 VirtualServices lead there"
	single    kind = "the same, by a user with single rights"
)

var kinds = []kind{unrelated, related, crowded, single}

// each says that of so many creates one is of the kind: a user's single rights are
// asked for one by one, and the API server answers the webhooks only so many
// questions a second.
func (k kind) each() int {
	if k == crowded || k == single {
		return 5
	}
	return 1
}

// shop is two namespaces with a Service each that selects what is created; to one
// of them lead many VirtualServices.
type shop struct {
	cluster, user      client.Client
	namespace, crowded string
}

func openShop(ctx context.Context, config *rest.Config) (s shop, err error) {
	if s.cluster, err = client.New(config, client.Options{}); err != nil {
		return s, err
	}
	other := rest.CopyConfig(config)
	other.Impersonate = rest.ImpersonationConfig{UserName: userName}
	if s.user, err = client.New(other, client.Options{}); err != nil {
		return s, err
	}
	for _, name := range []*string{&s.namespace, &s.crowded} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}
		if err := s.cluster.Create(ctx, namespace); err != nil {
			return s, fmt.Errorf("making a namespace: %w", err)
		}
		*name = namespace.Name
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "reviews"},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "reviews"}, Ports: []corev1.ServicePort{{Name: "http", Port: 9080}}},
		}
		if err := s.cluster.Create(ctx, service); err != nil {
			return s, fmt.Errorf("making a Service: %w", err)
		}
	}
	return s, s.crowd(ctx)
}

var container = corev1.Container{Name: "app", Image: "example/reviews:v1"}

// create gives the time that a create takes. It is a dry run, which passes all of
// admission, so that nothing is left for controllers to do meanwhile.
func (s shop) create(ctx context.Context, k kind) (time.Duration, error) {
	by, namespace := s.cluster, s.namespace
	if k == crowded || k == single {
		namespace = s.crowded
	}
	if k == single {
		by = s.user
	}
	labels := map[string]string{"app": "reviews", "version": "v1"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "reviews-v1"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
			},
		},
	}
	if k != unrelated {
		d.Annotations = map[string]string{intent.KeyRelease: "reviews-v2", intent.KeyImage: "v2"}
	}
	begun := time.Now()
	if err := by.Create(ctx, d, client.DryRunAll); err != nil {
		return 0, fmt.Errorf("creating %s: %w", k, err)
	}
	return time.Since(begun), nil
}
