package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/identity"
)

// MTLSAnnotation puts a pod into the mesh, as if it had a sidecar of its own:
// strict wants mutual TLS of every client, permissive takes plain text, too.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
const MTLSAnnotation = "testbed/mtls"

// portOptions tell ports apart.
type portOptions struct {
	security
	// first: the server speaks first, so HTTP is not looked for.
	first bool
}

// security is what a port's connections are wrapped in.
type security struct {
	// mesh is the mutual TLS of the pod's sidecar, nil where it has none;
	// permissive lets clients without it in.
	mesh       *tls.Config
	permissive bool
	// app is the TLS that the container itself serves, inside of the mesh's.
	app *tls.Config
}

// meshOf is the part of a pod's security that its annotation decides.
func (r *runner) meshOf(pod *corev1.Pod) (security, error) {
	mode, ok := pod.Annotations[MTLSAnnotation]
	switch {
	case !ok:
		return security{}, nil
	case mode != "strict" && mode != "permissive":
		return security{}, fmt.Errorf("annotation %s: %q: want strict or permissive", MTLSAnnotation, mode)
	}
	config, err := r.node.Identity.MeshTLS(pod.Namespace, pod.Spec.ServiceAccountName)
	return security{mesh: config, permissive: mode == "permissive"}, err
}

// optionsOf are those of one port. By its name, a port is for TLS, or for a
// protocol where the server may speak first, which it can't do while it has to
// find out whether the client wants mutual TLS.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
func (r *runner) optionsOf(pod *corev1.Pod, port corev1.ContainerPort, mesh security, version string) portOptions {
	options := portOptions{security: mesh}
	switch protocol, _, _ := strings.Cut(port.Name, "-"); protocol {
	case "tcp":
		options.first = !mesh.permissive
	case "tls", "https":
		subject := pkix.Name{CommonName: pod.Name, OrganizationalUnit: []string{version}}
		options.app = r.node.Identity.ServerTLS(subject, r.ip)
	}
	return options
}

// secure does the handshakes that a connection begins with.
func (s security) secure(conn net.Conn) (*client, error) {
	c := &client{Conn: conn}
	inMesh := s.mesh != nil
	if inMesh && s.permissive {
		var err error
		if inMesh, err = c.offersMesh(); err != nil {
			return nil, err
		}
	}
	if inMesh {
		meshed := tls.Server(c, s.mesh)
		if err := meshed.Handshake(); err != nil {
			return nil, err
		}
		c = &client{Conn: meshed, peer: identity.Peer(meshed.ConnectionState())}
	}
	if s.app != nil {
		inner := tls.Server(c, s.app)
		if err := inner.Handshake(); err != nil {
			return nil, err
		}
		c = &client{Conn: inner, peer: c.peer}
	}
	return c, nil
}

// offersMesh reads until it is clear whether the client begins mutual TLS of
// the mesh's: its ALPN says so, as Istio's own permissive listeners tell it
// from TLS of the application's.
func (c *client) offersMesh() (offers bool, err error) {
	err = c.peek(func(head []byte) bool {
		protocols, sure := alpnOf(head)
		for _, p := range protocols {
			offers = offers || strings.HasPrefix(p, "istio")
		}
		return sure
	})
	return offers, err
}

// handshakeRecord is the first byte of TLS (RFC 8446, 5.1).
const handshakeRecord = 22

// alpnOf returns what a ClientHello at the beginning of a connection offers,
// once there is enough of it to be sure.
func alpnOf(head []byte) (protocols []string, sure bool) {
	if head[0] != handshakeRecord {
		return nil, true
	}
	seen := false
	err := tls.Server(overheard{Reader: bytes.NewReader(head)}, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			protocols, seen = hello.SupportedProtos, true
			return nil, errors.New("only overheard")
		},
	}).Handshake()
	return protocols, seen || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// overheard is a connection that says nothing.
type overheard struct {
	net.Conn
	io.Reader
}

func (o overheard) Read(p []byte) (int, error)  { return o.Reader.Read(p) }
func (o overheard) Write(p []byte) (int, error) { return len(p), nil }
