// Package supervisor is the process inside the testbed's namespaces that
// starts everything, runs the user's command, and by its end ends everything.
package supervisor

import (
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/binaries"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/controlplane"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/mesh"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

// Config is what the outer process tells the supervisor.
type Config struct {
	// Command is what to run; for up, before staying up until a signal.
	Command []string
	// Bare leaves the product out.
	Bare bool
	// Dir is a folder for logs and kubeconfig that the machine sees too; empty:
	// one that ends with the testbed.
	Dir string
	// Programs is the folder of the testbed's own program, with the product's
	// beside it.
	Programs string
	// InstallFlags are added to the product's install, IstiodEnv (K=V) to
	// istiod's environment.
	InstallFlags, IstiodEnv []string
	// SlowIstiod, if not 0, gives the sidecar an istiod of its own that pushes
	// so much later.
	SlowIstiod time.Duration
	// APIServers is how many API servers there are, 1 or 2.
	APIServers int
	// Uses, if not empty, is the path of a file to which the rights that the
	// product used are added.
	Uses     string
	Binaries binaries.Set
	// Outside are the addresses of the listeners that the outer process handed
	// over, one for each of Forwarded; none for run.
	Outside []string
}

// isUp tells up from run.
func (c Config) isUp() bool { return len(c.Outside) > 0 }

// meshProxyAddress is where the mesh proxy listens, inside.
const meshProxyAddress = "127.0.0.1:15080"

// Forwarded are the addresses inside that up makes reachable from outside.
func (c Config) Forwarded() []string {
	all := []string{
		controlplane.APIServerAddress, mesh.GatewayAddress, meshProxyAddress,
		mesh.GatewayAdminAddress, mesh.SidecarAdminAddress, mesh.IstiodAddress,
	}
	if c.secondAPIServer() {
		all = append(all, controlplane.SecondAPIServerAddress)
	}
	if c.SlowIstiod > 0 {
		all = append(all, mesh.SlowIstiodAddress)
	}
	return all
}

// address is where a user reaches an inside address: outside for up.
func (c Config) address(inside string) string {
	for i, a := range c.Forwarded() {
		if a == inside && i < len(c.Outside) {
			return c.Outside[i]
		}
	}
	return inside
}

// scratch is the folder that ends with the testbed.
var scratch = filepath.Join(namespace.Scratch, "testbed")

func (c Config) dir() string {
	if c.Dir != "" {
		return c.Dir
	}
	return scratch
}

func (c Config) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir()}, elements...)...)
}

func (c Config) secondAPIServer() bool { return c.APIServers > 1 }

func (c Config) secondKubeconfig() string { return c.path("kubeconfig-2") }

// serversCA is the path of the CA, PEM, of pods that serve TLS themselves.
func (c Config) serversCA() string { return c.path("servers-ca.crt") }

// environment are the variables that a user's command gets.
func (c Config) environment() [][2]string {
	variables := [][2]string{
		{"KUBECONFIG", c.path("kubeconfig")},
		{"GATEWAY_URL", "http://" + c.address(mesh.GatewayAddress)},
		{"MESH_PROXY", "http://" + c.address(meshProxyAddress)},
		{"ENVOY_GATEWAY_ADMIN", "http://" + c.address(mesh.GatewayAdminAddress)},
		{"ENVOY_SIDECAR_ADMIN", "http://" + c.address(mesh.SidecarAdminAddress)},
		{"ISTIOD", "http://" + c.address(mesh.IstiodAddress)},
		{"GATEWAY_IP", network.GatewayIP},
		{"SERVERS_CA", c.serversCA()},
		{"TESTBED_DIR", c.dir()},
		{"AUDIT_LOG", c.path("audit.log")},
	}
	if c.secondAPIServer() {
		variables = append(variables, [2]string{"KUBECONFIG_2", c.secondKubeconfig()})
	}
	if c.SlowIstiod > 0 {
		variables = append(variables, [2]string{"ISTIOD_SLOW", "http://" + c.address(mesh.SlowIstiodAddress)})
	}
	return variables
}

// searchPath is what comes first on PATH: the plugin, and kubectl unless the
// caller's own is what is used: its folder would hide others of the caller's.
func (c Config) searchPath() string {
	if found, err := exec.LookPath("kubectl"); err == nil && found == c.Binaries.Kubectl {
		return c.Programs
	}
	return c.Programs + string(filepath.ListSeparator) + filepath.Dir(c.Binaries.Kubectl)
}
