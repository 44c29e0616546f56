package controlplane

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/pki"
)

// serverNames are what clients may call the API server.
var serverNames = []string{"127.0.0.1", network.NodeIP, "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}

// frontProxy is the API server's name where it asks another server on a
// client's behalf.
const frontProxy = "front-proxy-client"

// authorities makes the cluster's CA, and another for the API server as a
// front proxy: who holds one of its certificates may speak for any user.
func (c *Cluster) authorities() error {
	var err error
	if c.ca, err = pki.NewAuthority("testbed-ca"); err != nil {
		return err
	}
	c.frontCA, err = pki.NewAuthority("testbed-front-proxy-ca")
	return err
}

// issue signs a certificate for user in groups, which serves too when it has
// names.
func issue(ca *pki.Authority, user string, groups []string, names ...string) (pki.Pair, error) {
	return ca.Issue(pkix.Name{CommonName: user, Organization: groups}, names...)
}

// writePKI writes what the components read from files: ca.crt,
// apiserver.{crt,key}, kubelet-client.{crt,key}, front-proxy-ca.crt,
// front-proxy.{crt,key} and the ServiceAccounts' key.
func (c *Cluster) writePKI() error {
	server, err := issue(c.ca, "kube-apiserver", nil, serverNames...)
	if err != nil {
		return err
	}
	kubelet, err := issue(c.ca, "kube-apiserver-kubelet-client", []string{"system:masters"})
	if err != nil {
		return err
	}
	front, err := issue(c.frontCA, frontProxy, nil)
	if err != nil {
		return err
	}
	tokens, err := issue(c.ca, "service-accounts", nil)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt": c.ca.PEM, "apiserver.crt": server.Cert, "apiserver.key": server.Key,
		"kubelet-client.crt": kubelet.Cert, "kubelet-client.key": kubelet.Key,
		"front-proxy-ca.crt": c.frontCA.PEM, "front-proxy.crt": front.Cert, "front-proxy.key": front.Key,
		"sa.key": tokens.Key,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.data, name), text, 0o600); err != nil {
			return fmt.Errorf("writing the cluster's certificates: %w", err)
		}
	}
	return nil
}

// CA is the certificate of the cluster's CA, PEM.
func (c *Cluster) CA() []byte { return c.ca.PEM }

// NodeTLS is the node's serving configuration: only the API server, which
// has a certificate of the cluster's, may ask it for logs.
func (c *Cluster) NodeTLS(names ...string) (*tls.Config, error) {
	return c.servingTLS(c.ca, Node, "system:nodes", names...)
}

// ExtensionTLS is the serving configuration of an API that the API server
// aggregates: only the API server, which has checked its client's rights, may
// ask.
func (c *Cluster) ExtensionTLS(name string) (*tls.Config, error) {
	return c.servingTLS(c.frontCA, name, "system:extensions", name)
}

// servingTLS wants clients with a certificate of an authority's.
func (c *Cluster) servingTLS(clients *pki.Authority, user, group string, names ...string) (*tls.Config, error) {
	pair, err := issue(c.ca, user, []string{group}, names...)
	if err != nil {
		return nil, err
	}
	cert, err := pair.Certificate()
	if err != nil {
		return nil, fmt.Errorf("serving as %s: %w", user, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: clients.Pool(), MinVersion: tls.VersionTLS12,
	}, nil
}
