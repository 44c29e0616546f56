package controlplane

import (
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
	config.Clusters["testbed"] = &api.Cluster{Server: "https://" + address, CertificateAuthorityData: c.ca.PEM}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: p.Cert, ClientKeyData: p.Key}
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
