package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// cluster is read directly: what the demo says about it must not rest on the
// plugin that it tries.
type cluster struct {
	discovery discovery.DiscoveryInterface
	dynamic   dynamic.Interface
}

func newCluster(kubeconfig string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	// A look at everything is one list for each of some fifty resources.
	config.QPS, config.Burst = 100, 200
	// That a resource is old is no news here.
	config.WarningHandler = rest.NoWarnings{}
	c := &cluster{}
	if c.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, fmt.Errorf("client for %s: %w", config.Host, err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("client for %s: %w", config.Host, err)
	}
	return c, nil
}

// routes are the objects that say where requests go, in all namespaces.
func (c *cluster) routes(ctx context.Context) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, resource := range []string{"gateways", "virtualservices", "destinationrules"} {
		gvr := schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: resource}
		list, err := c.dynamic.Resource(gvr).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", resource, err)
		}
		all = append(all, list.Items...)
	}
	return all, nil
}

// objects are all objects in all namespaces, but for events: they tell what
// was, and go by themselves.
func (c *cluster) objects(ctx context.Context) ([]unstructured.Unstructured, error) {
	lists, err := c.discovery.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("finding out what the API server has: %w", err)
	}
	var all []unstructured.Unstructured
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("group version %q: %w", list.GroupVersion, err)
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || r.Name == "events" || strings.Contains(r.Name, "/") {
				continue
			}
			items, err := c.dynamic.Resource(version.WithResource(r.Name)).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", r.Name, err)
			}
			all = append(all, items.Items...)
		}
	}
	return all, nil
}

// ready gives the pods of a Deployment that are ready, and how many it has.
func (c *cluster) ready(ctx context.Context, namespace, name string) (ready, replicas int64, err error) {
	gvr := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	d, err := c.dynamic.Resource(gvr).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, 0, fmt.Errorf("reading Deployment %s/%s: %w", namespace, name, err)
	}
	// What is not there is zero.
	ready, _, err = unstructured.NestedInt64(d.Object, "status", "readyReplicas")
	if err != nil {
		return 0, 0, fmt.Errorf("Deployment %s/%s: %w", namespace, name, err)
	}
	replicas, _, err = unstructured.NestedInt64(d.Object, "spec", "replicas")
	if err != nil {
		return 0, 0, fmt.Errorf("Deployment %s/%s: %w", namespace, name, err)
	}
	return ready, replicas, nil
}
