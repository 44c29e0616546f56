package races

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// How many Deployments stand under the Service, and how many more may come with
// their intent. Fewer than the history remembers.
const (
	standing = 30
	coming   = 30
)

// shop is a namespace with Service reviews, many versions under it, none of
// which has a pod, and routes to each by its subset.
type shop struct {
	*testing.T
	namespace string
}

// original is a version of reviews.
type original struct {
	name, version string
	// exists tells one that stands from one that comes with its intent.
	exists bool
}

func newShop(t *testing.T) shop {
	t.Helper()
	s := shop{T: t, namespace: inside.Namespace(t, cluster, "races-")}
	s.made(&corev1.Service{
		ObjectMeta: s.meta("reviews"),
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "reviews"}, Ports: []corev1.ServicePort{{Name: "http", Port: 9080}}},
	})
	subsets, routes := []any{}, []any{}
	for _, o := range originals() {
		subsets = append(subsets, map[string]any{"name": o.version, "labels": map[string]any{"version": o.version}})
		routes = append(routes, map[string]any{"destination": map[string]any{"host": "reviews", "subset": o.version}, "weight": int64(1)})
		if o.exists {
			s.made(s.deployment(o.name, o.version))
		}
	}
	s.made(
		s.istio("DestinationRule", map[string]any{"host": "reviews", "subsets": subsets}),
		s.istio("VirtualService", map[string]any{"hosts": []any{"reviews"}, "http": []any{map[string]any{"route": routes}}}),
	)
	return s
}

// originals are all that may ask, those that stand and those that come by turns.
func originals() (all []original) {
	for n := range max(standing, coming) {
		if n < standing {
			all = append(all, original{fmt.Sprintf("reviews-v%d", n), fmt.Sprintf("v%d", n), true})
		}
		if n < coming {
			all = append(all, original{fmt.Sprintf("reviews-w%d", n), fmt.Sprintf("w%d", n), false})
		}
	}
	return all
}

func (s shop) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.namespace, Name: name}
}

func (s shop) istio(kind string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": kind,
		"metadata": map[string]any{"namespace": s.namespace, "name": "reviews"}, "spec": spec,
	}}
}

// deployment is a version of reviews without pods.
func (s shop) deployment(name, version string) *appsv1.Deployment {
	labels := map[string]string{"app": "reviews", "version": version}
	return &appsv1.Deployment{
		ObjectMeta: s.meta(name),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example/reviews:" + version, Ports: []corev1.ContainerPort{{ContainerPort: 9080}}}}},
			},
		},
	}
}

func (s shop) made(objects ...client.Object) {
	s.Helper()
	for _, o := range objects {
		if err := cluster.Create(s.Context(), o); err != nil {
			s.Fatalf("making %s: %v", o.GetName(), err)
		}
	}
}

// annotated writes annotations of ours to a Deployment.
func (s shop) annotated(ctx context.Context, c client.Client, name string, annotations map[string]string) error {
	return s.patched(ctx, c, name, map[string]any{"annotations": annotations})
}

func (s shop) patched(ctx context.Context, c client.Client, name string, metadata map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	return c.Patch(ctx, &appsv1.Deployment{ObjectMeta: s.meta(name)}, client.RawPatch(types.MergePatchType, patch))
}

// deployments gives those of the namespace by name.
func (s shop) deployments(options ...client.ListOption) map[string]appsv1.Deployment {
	s.Helper()
	var list appsv1.DeploymentList
	if err := cluster.List(s.Context(), &list, append(options, client.InNamespace(s.namespace))...); err != nil {
		s.Fatalf("listing Deployments: %v", err)
	}
	all := map[string]appsv1.Deployment{}
	for _, d := range list.Items {
		all[d.Name] = d
	}
	return all
}

// claim gives the release that holds the Service, nil for none, and what the
// Service remembers.
func (s shop) claim() (*release.Status, release.History) {
	s.Helper()
	var service corev1.Service
	if err := cluster.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: "reviews"}, &service); err != nil {
		s.Fatalf("reading Service reviews: %v", err)
	}
	claim, err := release.Claim(service.Annotations, service.UID)
	if err != nil {
		s.Fatalf("reading the claim: %v", err)
	}
	history, err := release.ParseHistory(service.Annotations[intent.AnnotationHistory])
	if err != nil {
		s.Fatalf("reading the history: %v", err)
	}
	return claim, history
}

// eventually polls until a condition holds; its words say what stands instead.
func (s shop) eventually(what string, holds func() (bool, string)) {
	s.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(s.Context(), 50*time.Millisecond, soon, true, func(context.Context) (ok bool, _ error) {
		ok, last = holds()
		return ok, nil
	})
	if err != nil {
		s.Fatalf("%s: not seen in %s; instead: %s", what, soon, last)
	}
}
