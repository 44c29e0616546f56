package identity

import (
	"context"
	"fmt"
	"log"
	"net"
	"slices"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// Names that istiod gives the workload's own certificate and the mesh's CA.
// https://github.com/istio/istio/blob/master/pkg/model/authentication.go
const (
	defaultResource = "default"
	rootResource    = "ROOTCA"
)

const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// ServeSecrets is what istio-agent does beside an Envoy, on a Unix socket at
// path, until ctx ends: it serves the certificate of the workload that the
// Envoy is, by its node's metadata NAMESPACE and SERVICE_ACCOUNT.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
func (i *Issuer) ServeSecrets(ctx context.Context, path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("serving workload certificates: %w", err)
	}
	server := grpc.NewServer()
	secretv3.RegisterSecretDiscoveryServiceServer(server, &secrets{issuer: i})
	context.AfterFunc(ctx, server.Stop)
	go func() {
		if err := server.Serve(listener); err != nil && ctx.Err() == nil {
			log.Printf("serving workload certificates: %v", err)
		}
	}()
	return nil
}

// secrets serves state of the world: nothing changes while a testbed runs, so
// each name is sent once on a stream.
type secrets struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	issuer *Issuer
}

func (s *secrets) StreamSecrets(stream secretv3.SecretDiscoveryService_StreamSecretsServer) error {
	var node *core.Node
	sent := map[string]bool{}
	for {
		request, err := stream.Recv()
		if err != nil {
			// The client went away.
			return nil
		}
		if request.Node != nil {
			node = request.Node
		}
		if detail := request.GetErrorDetail(); detail != nil {
			log.Printf("workload certificates: %s refused %v: %s", node.GetId(), request.GetResourceNames(), detail.GetMessage())
		}
		if !slices.ContainsFunc(request.GetResourceNames(), func(name string) bool { return !sent[name] }) {
			continue
		}
		response, err := s.answer(node, request.GetResourceNames())
		if err != nil {
			return err
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		for _, name := range request.GetResourceNames() {
			sent[name] = true
		}
	}
}

func (s *secrets) answer(node *core.Node, names []string) (*discovery.DiscoveryResponse, error) {
	response := &discovery.DiscoveryResponse{TypeUrl: secretType, VersionInfo: "1", Nonce: "1"}
	for _, name := range names {
		secret, err := s.secret(node, name)
		if err != nil {
			return nil, err
		}
		resource, err := anypb.New(secret)
		if err != nil {
			return nil, status.Errorf(codes.Internal, "encoding %s: %v", name, err)
		}
		response.Resources = append(response.Resources, resource)
	}
	return response, nil
}

func (s *secrets) secret(node *core.Node, name string) (*tlsv3.Secret, error) {
	switch name {
	case rootResource:
		return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(s.issuer.mesh.PEM)},
		}}, nil
	case defaultResource:
		metadata := node.GetMetadata().GetFields()
		pair, err := s.issuer.workload(metadata["NAMESPACE"].GetStringValue(), metadata["SERVICE_ACCOUNT"].GetStringValue())
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{
			TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: inline(pair.Cert), PrivateKey: inline(pair.Key)},
		}}, nil
	}
	return nil, status.Errorf(codes.NotFound, "workload certificates: %q: want %s or %s", name, defaultResource, rootResource)
}

func inline(text []byte) *core.DataSource {
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: text}}
}
