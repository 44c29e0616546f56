// Package proxy leads clients into the mesh: an HTTP proxy that resolves
// Service names as a pod would, and forwarders for clients outside of the
// testbed's namespaces.
package proxy

import (
	"context"
	"fmt"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// Resolver knows the Services' cluster IPs.
type Resolver struct {
	services listers.ServiceLister
	synced   cache.InformerSynced
}

// NewResolver reads Services from an informer that the caller starts.
func NewResolver(factory informers.SharedInformerFactory) *Resolver {
	services := factory.Core().V1().Services()
	return &Resolver{services: services.Lister(), synced: services.Informer().HasSynced}
}

// Resolve returns the IP for a host name as a pod in namespace resolves it:
// a short name, name.namespace, name.namespace.svc or the full name. An IP is
// returned as it is.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
func (r *Resolver) Resolve(host, namespace string) (string, error) {
	if net.ParseIP(host) != nil {
		return host, nil
	}
	name, namespace, ok := serviceName(host, namespace)
	if !ok {
		return "", fmt.Errorf("%q is no Service: want NAME, NAME.NAMESPACE, NAME.NAMESPACE.svc or NAME.NAMESPACE.svc.cluster.local", host)
	}
	service, err := r.services.Services(namespace).Get(name)
	if err != nil {
		return "", fmt.Errorf("resolving %q: no Service %s/%s: %w", host, namespace, name, err)
	}
	ip := service.Spec.ClusterIP
	if ip == "" || ip == corev1.ClusterIPNone {
		return "", fmt.Errorf("resolving %q: Service %s/%s has no cluster IP, so it can't be called through a sidecar by name", host, namespace, name)
	}
	return ip, nil
}

// Dial connects to host:port, with host resolved as in namespace.
func (r *Resolver) Dial(ctx context.Context, namespace, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: want HOST:PORT: %w", address, err)
	}
	ip, err := r.Resolve(host, namespace)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip, port))
}

// serviceName splits a host name into a Service's name and namespace.
func serviceName(host, namespace string) (string, string, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	host = strings.TrimSuffix(host, ".cluster.local")
	parts := strings.Split(host, ".")
	if len(parts) == 3 && parts[2] == "svc" {
		parts = parts[:2]
	}
	switch {
	case parts[0] == "":
		return "", "", false
	case len(parts) == 1:
		return parts[0], namespace, true
	case len(parts) == 2 && parts[1] != "":
		return parts[0], parts[1], true
	}
	return "", "", false
}
