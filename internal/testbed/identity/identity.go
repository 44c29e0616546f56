// Package identity gives workloads their certificates: those of the mesh, by
// which sidecars know each other, and those of pods that serve TLS themselves.
package identity

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/pki"
)

// TrustDomain is the mesh's.
const TrustDomain = "cluster.local"

// Issuer signs the workloads' certificates.
type Issuer struct {
	mesh, servers *pki.Authority

	mu        sync.Mutex
	workloads map[string]pki.Pair
}

// NewIssuer makes an issuer with CAs of its own.
func NewIssuer() (*Issuer, error) {
	mesh, err := pki.NewAuthority("testbed-mesh-ca")
	if err != nil {
		return nil, err
	}
	servers, err := pki.NewAuthority("testbed-servers-ca")
	if err != nil {
		return nil, err
	}
	return &Issuer{mesh: mesh, servers: servers, workloads: map[string]pki.Pair{}}, nil
}

// ID is the SPIFFE id of a ServiceAccount.
// https://istio.io/latest/docs/concepts/security/#istio-identity
func ID(namespace, account string) string {
	return "spiffe://" + TrustDomain + "/ns/" + namespace + "/sa/" + account
}

// ServersCA is the certificate, PEM, of the CA of pods that serve TLS
// themselves.
func (i *Issuer) ServersCA() []byte { return i.servers.PEM }

// workload is the mesh's certificate for a ServiceAccount, always the same.
func (i *Issuer) workload(namespace, account string) (pki.Pair, error) {
	id := ID(namespace, account)
	i.mu.Lock()
	defer i.mu.Unlock()
	if pair, ok := i.workloads[id]; ok {
		return pair, nil
	}
	// Envoy and Istio look at the id alone: a workload has no subject.
	pair, err := i.mesh.Issue(pkix.Name{}, id)
	if err != nil {
		return pki.Pair{}, fmt.Errorf("workload %s: %w", id, err)
	}
	i.workloads[id] = pair
	return pair, nil
}

// MeshTLS serves mutual TLS as the sidecar of a ServiceAccount's pod does: a
// client needs a certificate of the mesh's.
func (i *Issuer) MeshTLS(namespace, account string) (*tls.Config, error) {
	pair, err := i.workload(namespace, account)
	if err != nil {
		return nil, err
	}
	cert, err := pair.Certificate()
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", ID(namespace, account), err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.mesh.Pool(),
		MinVersion: tls.VersionTLS12, VerifyConnection: isWorkload,
	}, nil
}

func isWorkload(state tls.ConnectionState) error {
	if Peer(state) == "" {
		return errors.New("the client's certificate has no SPIFFE id of " + TrustDomain)
	}
	return nil
}

// Peer is the SPIFFE id of the other end of a connection, or empty.
func Peer(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	for _, uri := range state.PeerCertificates[0].URIs {
		if id := uri.String(); strings.HasPrefix(id, "spiffe://"+TrustDomain+"/") {
			return id
		}
	}
	return ""
}

// ServerTLS serves TLS with a certificate, of the servers' CA, for whatever
// name the client asks for; subject says who it is that serves. A client that
// asks for no name gets a certificate for fallback.
func (i *Issuer) ServerTLS(subject pkix.Name, fallback string) *tls.Config {
	var mu sync.Mutex
	issued := map[string]*tls.Certificate{}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := hello.ServerName
			if name == "" {
				name = fallback
			}
			mu.Lock()
			defer mu.Unlock()
			if cert := issued[name]; cert != nil {
				return cert, nil
			}
			pair, err := i.servers.Issue(subject, name)
			if err != nil {
				return nil, err
			}
			cert, err := pair.Certificate()
			if err != nil {
				return nil, err
			}
			issued[name] = &cert
			return &cert, nil
		},
	}
}
