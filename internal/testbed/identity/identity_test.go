package identity

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"path/filepath"
	"slices"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

func newIssuer(t *testing.T) *Issuer {
	t.Helper()
	issuer, err := NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// stream is that of an Envoy.
func stream(t *testing.T, issuer *Issuer) secretv3.SecretDiscoveryService_StreamSecretsClient {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	if err := issuer.ServeSecrets(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := secretv3.NewSecretDiscoveryServiceClient(conn).StreamSecrets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func receive(t *testing.T, stream secretv3.SecretDiscoveryService_StreamSecretsClient) (*discovery.DiscoveryResponse, *tlsv3.Secret) {
	t.Helper()
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var secret tlsv3.Secret
	if len(response.Resources) != 1 || response.Resources[0].UnmarshalTo(&secret) != nil {
		t.Fatalf("response %v, want one secret", response)
	}
	return response, &secret
}

func ask(t *testing.T, stream secretv3.SecretDiscoveryService_StreamSecretsClient, request *discovery.DiscoveryRequest) {
	t.Helper()
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAreThoseOfTheNode(t *testing.T) {
	issuer := newIssuer(t)
	stream := stream(t, issuer)
	metadata, err := structpb.NewStruct(map[string]any{"NAMESPACE": "shop", "SERVICE_ACCOUNT": "reviews"})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, stream, &discovery.DiscoveryRequest{Node: &core.Node{Metadata: metadata}, ResourceNames: []string{"default"}})
	response, own := receive(t, stream)
	// An acknowledgement is not answered, so what comes next is the answer to
	// the next question.
	ask(t, stream, &discovery.DiscoveryRequest{VersionInfo: response.VersionInfo, ResponseNonce: response.Nonce, ResourceNames: []string{"default"}})
	ask(t, stream, &discovery.DiscoveryRequest{ResourceNames: []string{"ROOTCA"}})
	_, root := receive(t, stream)

	pair, err := tls.X509KeyPair(own.GetTlsCertificate().GetCertificateChain().GetInlineBytes(), own.GetTlsCertificate().GetPrivateKey().GetInlineBytes())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root.GetValidationContext().GetTrustedCa().GetInlineBytes()) {
		t.Fatalf("ROOTCA: %v, want a certificate", root)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("the workload's certificate by the mesh's CA: %v", err)
	}
	if id := Peer(tls.ConnectionState{PeerCertificates: []*x509.Certificate{pair.Leaf}}); id != "spiffe://cluster.local/ns/shop/sa/reviews" {
		t.Errorf("the workload is %q", id)
	}
	ask(t, stream, &discovery.DiscoveryRequest{ResourceNames: []string{"kubernetes://secret"}})
	if _, err := stream.Recv(); status.Code(err) != codes.NotFound {
		t.Errorf("another secret: %v, want NotFound", err)
	}
}

// handshake returns what both ends say of a handshake.
func handshake(server, client *tls.Config) (tls.ConnectionState, error, error) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- tls.Client(b, client).Handshake()
		_ = b.Close()
	}()
	conn := tls.Server(a, server)
	err := conn.Handshake()
	_ = a.Close()
	return conn.ConnectionState(), err, <-done
}

func TestMeshTLSWantsAWorkload(t *testing.T) {
	issuer := newIssuer(t)
	server, err := issuer.MeshTLS("shop", "reviews")
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(namespace string, other bool) []tls.Certificate {
		from := issuer
		if other {
			from = newIssuer(t)
		}
		pair, err := from.workload(namespace, "default")
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{cert}
	}
	nobody, err := issuer.mesh.Issue(pkix.Name{CommonName: "nobody"}, "nobody.example")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := nobody.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		want         string
	}{
		"a workload":            {certificate("default", false), "spiffe://cluster.local/ns/default/sa/default"},
		"no certificate":        {nil, ""},
		"another mesh's":        {certificate("default", true), ""},
		"one without SPIFFE id": {[]tls.Certificate{stranger}, ""},
	} {
		state, err, _ := handshake(server, &tls.Config{Certificates: c.certificates, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
		if c.want == "" && err == nil {
			t.Errorf("%s: was let in", name)
		}
		if c.want != "" && (err != nil || Peer(state) != c.want) {
			t.Errorf("%s: %v, peer %q, want %q", name, err, Peer(state), c.want)
		}
	}
}

func TestServerTLSHasEveryName(t *testing.T) {
	issuer := newIssuer(t)
	server := issuer.ServerTLS(pkix.Name{CommonName: "reviews-1"}, "10.244.1.1")
	for _, name := range []string{"reviews.example", "other.example", "10.244.1.1"} {
		client := &tls.Config{RootCAs: issuer.servers.Pool(), ServerName: name, MinVersion: tls.VersionTLS12}
		if _, serverErr, clientErr := handshake(server, client); serverErr != nil || clientErr != nil {
			t.Errorf("%s: server %v, client %v", name, serverErr, clientErr)
		}
	}
	if !slices.Equal(issuer.ServersCA(), issuer.servers.PEM) {
		t.Error("the servers' CA is another")
	}
}
