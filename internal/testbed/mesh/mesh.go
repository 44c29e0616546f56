// Package mesh starts Istio: its CustomResourceDefinitions, istiod, and two
// Envoys, a gateway and the sidecar of a client.
package mesh

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

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

	istiodXDSPort = 15010
	istiodHTTP    = "127.0.0.1:18080"
)

// Mesh is a running mesh.
type Mesh struct {
	programs            binaries.Set
	data, logs, secrets string
	// Processes are what has been started, for a watch over them.
	Processes []*process.Process
}

// New returns a mesh whose files go to data and logs to logs, and whose
// Envoys get their certificates by the socket secrets.
func New(programs binaries.Set, data, logs, secrets string) *Mesh {
	return &Mesh{programs: programs, data: data, logs: logs, secrets: secrets}
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

// meshConfig keeps out the filters that only Istio's own build of Envoy has.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
const meshConfig = `
defaultProviders: {}
accessLogFile: ""
`

// StartIstiod starts istiod with a kubeconfig, env (K=V) added to its
// environment, and returns when it is ready.
func (m *Mesh) StartIstiod(ctx context.Context, kubeconfig string, env []string) error {
	config := filepath.Join(m.data, "mesh.yaml")
	if err := os.WriteFile(config, []byte(meshConfig), 0o600); err != nil {
		return fmt.Errorf("writing the mesh configuration: %w", err)
	}
	p, err := m.start("istiod", m.programs.Istiod, append(istiodEnv(), env...),
		"discovery", "--kubeconfig="+kubeconfig, "--meshConfig="+config,
		"--httpAddr="+istiodHTTP, "--httpsAddr=", fmt.Sprintf("--grpcAddr=0.0.0.0:%d", istiodXDSPort), "--secureGRPCAddr=",
		"--monitoringAddr="+IstiodAddress, "--ctrlz_port=0")
	if err != nil {
		return err
	}
	return p.Ready(ctx, process.HTTPProbe(&http.Client{Timeout: time.Second}, "http://"+istiodHTTP+"/ready"))
}

// istiodEnv makes istiod push soon: it waits for quiet for a tenth of a
// second, and for half a second at most (10 s in a cluster).
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars
func istiodEnv() []string {
	return []string{
		"POD_NAMESPACE=" + Namespace, "POD_NAME=istiod", "REVISION=default",
		"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
		"INJECTION_WEBHOOK_CONFIG_NAME=", "VALIDATION_WEBHOOK_CONFIG_NAME=",
		"PILOT_DEBOUNCE_AFTER=100ms", "PILOT_DEBOUNCE_MAX=500ms",
	}
}
