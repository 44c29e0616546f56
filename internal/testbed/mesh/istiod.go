package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

// Ports of istiod for the Envoys, and of the slow one.
const (
	xdsPort     = 15010
	slowXDSPort = 15110
)

// meshConfig keeps out the filters that only Istio's own build of Envoy has.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
const meshConfig = `
defaultProviders: {}
accessLogFile: ""
`

// istiod is what tells two of them apart.
type istiod struct {
	name, http, monitoring string
	xdsPort                int
	// env is added to the environment, as K=V.
	env []string
}

// StartIstiods starts istiod with a kubeconfig, env (K=V) added to its
// environment, and returns when it is ready. With slow above 0 a second one is
// started, which pushes so long after the first of the changes that it
// collects; the sidecar will be its client, the gateway stays the other's.
func (m *Mesh) StartIstiods(ctx context.Context, kubeconfig string, env []string, slow time.Duration) error {
	ready, err := m.startIstiod(kubeconfig, istiod{name: "istiod", http: "127.0.0.1:18080", monitoring: IstiodAddress, xdsPort: xdsPort, env: env})
	if err != nil {
		return err
	}
	if slow <= 0 {
		return ready(ctx)
	}
	m.sidecarXDSPort = slowXDSPort
	env = slices.Concat(env, []string{"PILOT_DEBOUNCE_AFTER=" + slow.String(), "PILOT_DEBOUNCE_MAX=" + slow.String()})
	slowReady, err := m.startIstiod(kubeconfig, istiod{name: "istiod-slow", http: "127.0.0.1:18180", monitoring: SlowIstiodAddress, xdsPort: slowXDSPort, env: env})
	if err != nil {
		return err
	}
	return errors.Join(ready(ctx), slowReady(ctx))
}

// startIstiod returns what waits until it is ready.
func (m *Mesh) startIstiod(kubeconfig string, i istiod) (ready func(context.Context) error, err error) {
	config := filepath.Join(m.data, i.name+".mesh.yaml")
	if err := os.WriteFile(config, []byte(meshConfig), 0o600); err != nil {
		return nil, fmt.Errorf("writing the mesh configuration of %s: %w", i.name, err)
	}
	p, err := m.start(i.name, m.programs.Istiod, append(istiodEnv(i.name), i.env...),
		"discovery", "--kubeconfig="+kubeconfig, "--meshConfig="+config,
		"--httpAddr="+i.http, "--httpsAddr=", fmt.Sprintf("--grpcAddr=0.0.0.0:%d", i.xdsPort), "--secureGRPCAddr=",
		"--monitoringAddr="+i.monitoring, "--ctrlz_port=0")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return p.Ready(ctx, process.HTTPProbe(&http.Client{Timeout: time.Second}, "http://"+i.http+"/ready"))
	}, nil
}

// istiodEnv makes istiod push soon: it waits for quiet for a tenth of a
// second, and for half a second at most (10 s in a cluster).
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars
func istiodEnv(pod string) []string {
	return []string{
		"POD_NAMESPACE=" + Namespace, "POD_NAME=" + pod, "REVISION=default",
		"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
		"INJECTION_WEBHOOK_CONFIG_NAME=", "VALIDATION_WEBHOOK_CONFIG_NAME=",
		"PILOT_DEBOUNCE_AFTER=100ms", "PILOT_DEBOUNCE_MAX=500ms",
	}
}
