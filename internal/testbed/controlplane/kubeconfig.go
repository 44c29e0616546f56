package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Users of the API server: names that tell the components apart in the audit
// log. All are in system:masters.
const (
	Admin  = "testbed-admin"
	Node   = "system:node:testbed"
	Istiod = "istiod"
	// Observer is the testbed's own reader: Service names for the mesh proxy.
	Observer = "testbed"
	manager  = "system:kube-controller-manager"
)

// Kubeconfig is a kubeconfig for user, to reach the API server at address
// (host:port).
func (c *Cluster) Kubeconfig(user, address string) (*api.Config, error) {
	p, ok := c.users[user]
	if !ok {
		return nil, fmt.Errorf("kubeconfig for %q: want one of the testbed's own users", user)
	}
	config := api.NewConfig()
	config.Clusters["testbed"] = &api.Cluster{Server: "https://" + address, CertificateAuthorityData: c.ca.pem}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	config.Contexts["testbed"] = &api.Context{Cluster: "testbed", AuthInfo: user, Namespace: "default"}
	config.CurrentContext = "testbed"
	return config, nil
}

// WriteKubeconfig writes such a kubeconfig to path.
func (c *Cluster) WriteKubeconfig(user, address, path string) error {
	config, err := c.Kubeconfig(user, address)
	if err != nil {
		return err
	}
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("writing the kubeconfig %s: %w", path, err)
	}
	return nil
}

// Client is a client configuration for user, without client-side limits: the
// testbed must not be what a test waits for.
func (c *Cluster) Client(user string) (*rest.Config, error) {
	config, err := c.Kubeconfig(user, APIServerAddress)
	if err != nil {
		return nil, err
	}
	client, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", user, err)
	}
	client.QPS = -1
	return client, nil
}

// NodeTLS is the node's serving configuration: only the API server, which
// has a certificate of the cluster's, may ask it for logs.
func (c *Cluster) NodeTLS(names ...string) (*tls.Config, error) {
	p, err := c.ca.issue(Node, []string{"system:nodes"}, names...)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("the node's certificate: %w", err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(c.ca.pem) {
		return nil, errors.New("the node's certificate: the cluster's CA is no PEM")
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12}, nil
}
