// Package mesh starts Istio: its CustomResourceDefinitions, istiod, and two
// Envoys, a gateway and the sidecar of a client.
package mesh

import (
	"context"
	"fmt"
	"os"

	"k8s.io/client-go/rest"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/binaries"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

const (
	// Namespace is Istio's root namespace.
	Namespace = "istio-system"
	// GatewayPort is where Gateways of port 80 and 8080 serve.
	GatewayPort = 8080

	// GatewayAddress is where the ingress gateway serves inside the testbed.
	GatewayAddress = network.GatewayIP + ":8080"
	// GatewayAdminAddress is the administration of the gateway's Envoy.
	GatewayAdminAddress = network.GatewayIP + ":15000"
	// SidecarAdminAddress is that of the sidecar's.
	SidecarAdminAddress = "127.0.0.1:15000"
	// IstiodAddress is istiod's monitoring and debug server.
	IstiodAddress = "127.0.0.1:15014"
	// SlowIstiodAddress is that of the slow one, where there is one.
	SlowIstiodAddress = "127.0.0.1:15114"
)

// Mesh is a running mesh.
type Mesh struct {
	programs            binaries.Set
	data, logs, secrets string
	// sidecarXDSPort is that of the sidecar's istiod.
	sidecarXDSPort int
	// Processes are what has been started, for a watch over them.
	Processes []*process.Process
}

// New returns a mesh whose files go to data and logs to logs, and whose
// Envoys get their certificates by the socket secrets.
func New(programs binaries.Set, data, logs, secrets string) *Mesh {
	return &Mesh{programs: programs, data: data, logs: logs, secrets: secrets, sidecarXDSPort: xdsPort}
}

// Prepare creates what istiod wants to find: namespace and
// CustomResourceDefinitions, and the gateway's Service.
func (m *Mesh) Prepare(ctx context.Context, config *rest.Config) error {
	text, err := os.ReadFile(m.programs.IstioCRDs)
	if err != nil {
		return fmt.Errorf("reading Istio's CustomResourceDefinitions: %w", err)
	}
	if err := createNamespace(ctx, config); err != nil {
		return err
	}
	return createDefinitions(ctx, config, text)
}

func (m *Mesh) start(name, path string, env []string, args ...string) (*process.Process, error) {
	p, err := process.Start(process.Spec{Name: name, Path: path, Args: args, Env: env, LogDir: m.logs})
	if err == nil {
		m.Processes = append(m.Processes, p)
	}
	return p, err
}
