// Package controlplane starts etcd, the API server and the controllers of
// kube-controller-manager.
package controlplane

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/binaries"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/pki"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

// APIServerAddress is where the API server listens, inside, and
// SecondAPIServerAddress where the second one does.
const (
	APIServerAddress       = "127.0.0.1:6443"
	SecondAPIServerAddress = "127.0.0.1:6444"
)

// MostAPIServers is how many there can be.
const MostAPIServers = 2

// Cluster is a running control plane.
type Cluster struct {
	programs binaries.Set
	// data holds certificates and etcd's data; logs each program's log.
	data, logs, audit string

	ca, frontCA *pki.Authority
	users       map[string]pki.Pair
	// Processes are what has been started, for a watch over them.
	Processes []*process.Process
}

// Start starts etcd and the API servers, one or two, and returns when they are
// ready. Data is a folder that ends with the testbed, logs one for log files;
// audit is the path of the audit log, which all of them write.
func Start(ctx context.Context, programs binaries.Set, data, logs, audit string, servers int) (*Cluster, error) {
	c := &Cluster{programs: programs, data: data, logs: logs, audit: audit, users: map[string]pki.Pair{}}
	if err := c.credentials(); err != nil {
		return nil, err
	}
	if err := c.etcd(ctx); err != nil {
		return c, err
	}
	if err := c.apiServer(ctx, "kube-apiserver", APIServerAddress); err != nil || servers < MostAPIServers {
		return c, err
	}
	// Not both at once: the first makes the objects that every cluster has.
	return c, c.apiServer(ctx, "kube-apiserver-2", SecondAPIServerAddress)
}

func (c *Cluster) credentials() error {
	if err := c.authorities(); err != nil {
		return err
	}
	for _, user := range []string{Admin, Node, Istiod, Observer, manager} {
		var err error
		if c.users[user], err = issue(c.ca, user, []string{"system:masters"}); err != nil {
			return err
		}
	}
	if err := c.writePKI(); err != nil {
		return err
	}
	if err := os.WriteFile(c.file("audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return fmt.Errorf("writing the audit policy: %w", err)
	}
	// The API servers only append to a file that is there; one that made it would
	// overwrite what the other has written.
	if err := os.WriteFile(c.audit, nil, 0o600); err != nil {
		return fmt.Errorf("making the audit log: %w", err)
	}
	return c.WriteKubeconfig(manager, APIServerAddress, c.file("manager.kubeconfig"))
}

func (c *Cluster) file(name string) string { return filepath.Join(c.data, name) }

func (c *Cluster) start(name, path string, args ...string) (*process.Process, error) {
	p, err := process.Start(process.Spec{Name: name, Path: path, Args: args, LogDir: c.logs})
	if err == nil {
		c.Processes = append(c.Processes, p)
	}
	return p, err
}

func (c *Cluster) etcd(ctx context.Context) error {
	p, err := c.start("etcd", c.programs.Etcd,
		"--data-dir="+c.file("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=default=http://127.0.0.1:2380")
	if err != nil {
		return err
	}
	return p.Ready(ctx, process.HTTPProbe(&http.Client{Timeout: time.Second}, "http://127.0.0.1:2379/health"))
}

func (c *Cluster) apiServer(ctx context.Context, name, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	p, err := c.start(name, c.programs.KubeAPIServer, c.apiServerFlags(port)...)
	if err != nil {
		return err
	}
	config, err := c.Client(Observer)
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("client for the API server: %w", err)
	}
	return p.Ready(ctx, process.HTTPProbe(client, "https://"+address+"/readyz"))
}

// StartControllers starts kube-controller-manager. Its controllers act under
// ServiceAccounts of their own, as in clusters that kubeadm makes, so who did
// what is told apart by user.
func (c *Cluster) StartControllers() error {
	_, err := c.start("kube-controller-manager", c.programs.KubeControllerManager, c.controllerFlags()...)
	return err
}
