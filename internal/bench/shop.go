package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// kind is what is created.
type kind string

const (
	unrelated kind = "an unrelated Deployment"
	related   kind = "a Deployment with an intent"
)

var kinds = []kind{unrelated, related}

// shop is a namespace with a Service that selects what is created.
type shop struct {
	cluster   client.Client
	namespace string
}

func openShop(ctx context.Context, cluster client.Client) (shop, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}
	if err := cluster.Create(ctx, namespace); err != nil {
		return shop{}, fmt.Errorf("making a namespace: %w", err)
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "reviews"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "reviews"}, Ports: []corev1.ServicePort{{Name: "http", Port: 9080}}},
	}
	if err := cluster.Create(ctx, service); err != nil {
		return shop{}, fmt.Errorf("making a Service: %w", err)
	}
	return shop{cluster, namespace.Name}, nil
}

var container = corev1.Container{Name: "app", Image: "example/reviews:v1"}

// create gives the time that a create takes. It is a dry run, which passes all of
// admission, so that nothing is left for controllers to do meanwhile.
func (s shop) create(ctx context.Context, k kind) (time.Duration, error) {
	labels := map[string]string{"app": "reviews", "version": "v1"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "reviews-v1"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
			},
		},
	}
	if k == related {
		d.Annotations = map[string]string{intent.KeyRelease: "reviews-v2", intent.KeyImage: "v2"}
	}
	begun := time.Now()
	if err := s.cluster.Create(ctx, d, client.DryRunAll); err != nil {
		return 0, fmt.Errorf("creating %s: %w", k, err)
	}
	return time.Since(begun), nil
}
