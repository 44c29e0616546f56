package metrics

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

const (
	namespace = metav1.NamespaceSystem
	service   = "metrics-server"
	// ServerName is what the API server calls this server by.
	ServerName = service + "." + namespace + ".svc"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// Register tells the API server of the metrics API: a Service without pods,
// its endpoint, and an APIService that trusts the CA (PEM).
// https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
func Register(ctx context.Context, config *rest.Config, ca []byte) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client for the metrics API: %w", err)
	}
	if err := registerService(ctx, client); err != nil {
		return err
	}
	registry, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client for the metrics API: %w", err)
	}
	group := v1beta1.SchemeGroupVersion
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": group.Version + "." + group.Group},
		"spec": map[string]any{
			"group": group.Group, "version": group.Version, "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"service":  map[string]any{"name": service, "namespace": namespace, "port": int64(443)},
			"caBundle": base64.StdEncoding.EncodeToString(ca),
		},
	}}
	if _, err := registry.Resource(apiServices).Create(ctx, o, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating APIService %s: %w", o.GetName(), err)
	}
	return nil
}

func registerService(ctx context.Context, client kubernetes.Interface) error {
	// The API server makes its namespaces after it says that it is ready.
	err := wait.PollUntilContextTimeout(ctx, 30*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("waiting for namespace %s: %w", namespace, err)
	}
	meta := metav1.ObjectMeta{Name: service, Namespace: namespace}
	_, err = client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Name: "https", Port: 443, TargetPort: intstr.FromInt32(port)}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating Service %s/%s: %w", namespace, service, err)
	}
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: "testbed"}
	_, err = client.DiscoveryV1().EndpointSlices(namespace).Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{network.NodeIP}}},
		Ports:     []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(port))}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating EndpointSlice %s/%s: %w", namespace, service, err)
	}
	return nil
}
