package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func createNamespace(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client for namespace %s: %w", Namespace, err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating namespace %s: %w", Namespace, err)
	}
	return createGatewayService(ctx, client)
}

// createGatewayService creates the ingress gateway's Service, as Istio's own
// installation does: by its selector, which matches the labels in the gateway's
// node metadata, istiod knows that port 80 of a Gateway is served on 8080. No
// pod has these labels, so the endpoint is given by hand.
func createGatewayService(ctx context.Context, client kubernetes.Interface) error {
	meta := metav1.ObjectMeta{Name: gateway.pod, Namespace: Namespace, Labels: gateway.labels}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: gateway.labels,
		Ports:    []corev1.ServicePort{{Name: "http2", Port: 80, TargetPort: intstr.FromInt32(GatewayPort)}},
	}}
	if _, err := client.CoreV1().Services(Namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating Service %s/%s: %w", Namespace, meta.Name, err)
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: meta.Name, Namespace: Namespace, Labels: map[string]string{
			discoveryv1.LabelServiceName: meta.Name, discoveryv1.LabelManagedBy: "testbed",
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{network.GatewayIP}}},
		Ports:       []discoveryv1.EndpointPort{{Name: new("http2"), Port: new(int32(GatewayPort))}},
	}
	if _, err := client.DiscoveryV1().EndpointSlices(Namespace).Create(ctx, slice, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating EndpointSlice %s/%s: %w", Namespace, meta.Name, err)
	}
	return nil
}

// createDefinitions creates the CustomResourceDefinitions in text and returns
// when the API server serves them all.
func createDefinitions(ctx context.Context, config *rest.Config, text []byte) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client for Istio's CustomResourceDefinitions: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return group.Wait()
		}
		if err != nil {
			return fmt.Errorf("parsing Istio's CustomResourceDefinitions: %w", err)
		}
		if o.GetName() == "" {
			continue
		}
		group.Go(func() error { return createDefinition(ctx, client, &o) })
	}
}

func createDefinition(ctx context.Context, client dynamic.Interface, o *unstructured.Unstructured) error {
	created, err := client.Resource(definitions).Create(ctx, o, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating CustomResourceDefinition %s: %w", o.GetName(), err)
	}
	watch, err := client.Resource(definitions).Watch(ctx, metav1.ListOptions{
		FieldSelector: "metadata.name=" + o.GetName(), ResourceVersion: created.GetResourceVersion(),
	})
	if err != nil {
		return fmt.Errorf("watching CustomResourceDefinition %s: %w", o.GetName(), err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		if u, ok := event.Object.(*unstructured.Unstructured); ok && established(u) {
			return nil
		}
	}
	return fmt.Errorf("CustomResourceDefinition %s was not established: %w", o.GetName(), context.Cause(ctx))
}

func established(o *unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
			return true
		}
	}
	return false
}
