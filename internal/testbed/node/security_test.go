package node

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/identity"
)

func TestALPNIsOverheardOnceItIsComplete(t *testing.T) {
	hello := clientHello(t, "istio-peer-exchange", "istio")
	for n := 1; n < len(hello); n++ {
		if protocols, sure := alpnOf(hello[:n]); sure {
			t.Fatalf("%d of %d bytes: sure of %q", n, len(hello), protocols)
		}
	}
	if protocols, sure := alpnOf(hello); !sure || len(protocols) != 2 || protocols[1] != "istio" {
		t.Errorf("the whole: %q, %v", protocols, sure)
	}
	for name, head := range map[string][]byte{"HTTP": []byte("GET / HTTP/1.1"), "a record that is too long": {handshakeRecord, 3, 1, 255, 255}} {
		if protocols, sure := alpnOf(head); !sure || protocols != nil {
			t.Errorf("%s: %q, %v, want nothing and to be sure", name, protocols, sure)
		}
	}
}

// clientHello is what a TLS client begins with.
func clientHello(t *testing.T, protocols ...string) []byte {
	t.Helper()
	a, b := net.Pipe()
	go func() {
		// It never gets an answer.
		_ = tls.Client(b, &tls.Config{NextProtos: protocols, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}).Handshake()
	}()
	defer func() { _ = b.Close() }()
	head := make([]byte, 5)
	if _, err := io.ReadFull(a, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(a, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// TestPermissiveTellsTheMeshFromOthers: plain text, the application's own TLS
// and the mesh's all come through, and what was read to tell is not lost.
func TestPermissiveTellsTheMeshFromOthers(t *testing.T) {
	issuer, err := identity.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	mesh, err := issuer.MeshTLS("shop", "reviews")
	if err != nil {
		t.Fatal(err)
	}
	app := issuer.ServerTLS(pkix.Name{CommonName: "reviews"}, "reviews.example")
	plain := func(c net.Conn) net.Conn { return c }
	inTLS := func(protocol string, certificates []tls.Certificate) func(net.Conn) net.Conn {
		return func(c net.Conn) net.Conn {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}, Certificates: certificates, MinVersion: tls.VersionTLS12})
		}
	}
	workload := mesh.Certificates
	for name, c := range map[string]struct {
		server security
		dial   func(net.Conn) net.Conn
		peer   string
	}{
		"plain text":                    {security{mesh: mesh, permissive: true}, plain, ""},
		"the mesh's TLS":                {security{mesh: mesh, permissive: true}, inTLS("istio", workload), identity.ID("shop", "reviews")},
		"the application's TLS":         {security{mesh: mesh, permissive: true, app: app}, inTLS("h2", nil), ""},
		"the application's in the mesh": {security{mesh: mesh, app: app}, func(c net.Conn) net.Conn { return inTLS("h2", nil)(inTLS("istio", workload)(c)) }, identity.ID("shop", "reviews")},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer func() { _ = near.Close() }()
			go func() {
				// The test sees what arrives.
				_, _ = io.WriteString(c.dial(far), "hello")
			}()
			client, err := c.server.secure(near)
			if err != nil {
				t.Fatal(err)
			}
			text := make([]byte, 5)
			if _, err := io.ReadFull(client, text); err != nil || string(text) != "hello" || client.peer != c.peer {
				t.Errorf("got %q, %v from %q, want hello from %q", text, err, client.peer, c.peer)
			}
		})
	}
}
