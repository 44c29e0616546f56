package supervisor

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/controlplane"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/identity"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/mesh"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/metrics"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/node"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/proxy"
)

type testbed struct {
	config  Config
	failed  chan error
	watched map[*process.Process]bool

	cluster  *controlplane.Cluster
	identity *identity.Issuer
	mesh     *mesh.Mesh
}

func newTestbed(config Config) *testbed {
	return &testbed{config: config, failed: make(chan error, 1), watched: map[*process.Process]bool{}}
}

// start starts everything, each part as soon as what it needs is ready.
func (t *testbed) start(ctx context.Context) error {
	if err := network.Setup(); err != nil {
		return err
	}
	var err error
	data, logs := scratch+"/data", t.config.path("logs")
	t.cluster, err = controlplane.Start(ctx, t.config.Binaries, data, logs, t.config.path("audit.log"), t.config.APIServers)
	if t.cluster != nil {
		t.watch(t.cluster.Processes)
	}
	if err != nil {
		return err
	}
	if err := t.writeKubeconfigs(); err != nil {
		return err
	}
	if err := t.cluster.StartControllers(); err != nil {
		return err
	}
	t.watch(t.cluster.Processes)
	if err := t.certify(ctx, data); err != nil {
		return err
	}
	t.mesh = mesh.New(t.config.Binaries, data, logs, secretsSocket(data))
	group, ctx2 := errgroup.WithContext(ctx)
	group.Go(func() error { return t.startMesh(ctx2, data) })
	// What outlives the start must not end with the group's context.
	group.Go(func() error { return t.startNode(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	t.watch(t.mesh.Processes)
	if t.config.Bare {
		return nil
	}
	return t.install(ctx)
}

// writeKubeconfigs writes the administrator's, one for each API server.
func (t *testbed) writeKubeconfigs() error {
	err := t.cluster.WriteKubeconfig(controlplane.Admin, t.config.address(controlplane.APIServerAddress), t.config.path("kubeconfig"))
	if err != nil || !t.config.secondAPIServer() {
		return err
	}
	return t.cluster.WriteKubeconfig(controlplane.Admin, t.config.address(controlplane.SecondAPIServerAddress), t.config.secondKubeconfig())
}

func secretsSocket(data string) string { return data + "/secrets.sock" }

// certify begins to serve the mesh's certificates, and writes down the CA of
// pods that serve TLS themselves.
func (t *testbed) certify(ctx context.Context, data string) error {
	var err error
	if t.identity, err = identity.NewIssuer(); err != nil {
		return err
	}
	if err := os.WriteFile(t.config.serversCA(), t.identity.ServersCA(), 0o600); err != nil {
		return fmt.Errorf("writing the CA of pods that serve TLS: %w", err)
	}
	return t.identity.ServeSecrets(ctx, secretsSocket(data))
}

func (t *testbed) startMesh(ctx context.Context, data string) error {
	config, err := t.cluster.Client(controlplane.Observer)
	if err != nil {
		return err
	}
	if err := t.mesh.Prepare(ctx, config); err != nil {
		return err
	}
	kubeconfig := data + "/istiod.kubeconfig"
	if err := t.cluster.WriteKubeconfig(controlplane.Istiod, controlplane.APIServerAddress, kubeconfig); err != nil {
		return err
	}
	if err := t.mesh.StartIstiods(ctx, kubeconfig, t.config.IstiodEnv, t.config.SlowIstiod); err != nil {
		return err
	}
	return t.mesh.StartProxies(ctx)
}

// startNode starts what runs in this process: the node and the mesh proxy.
func (t *testbed) startNode(ctx context.Context) error {
	config, err := t.cluster.Client(controlplane.Node)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client for the node: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	resolver := proxy.NewResolver(factory)
	tls, err := t.cluster.NodeTLS(network.NodeIP, node.Name)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(controlplane.APIServerAddress)
	if err != nil {
		return fmt.Errorf("address of the API server: %w", err)
	}
	n := node.New(node.Config{
		Client: client, Resolver: resolver, Programs: t.config.Programs,
		Logs: t.config.path("logs"), PIDs: t.config.path("pids"), Data: scratch + "/volumes",
		APIServerHost: host, APIServerPort: port, TLS: tls, Identity: t.identity,
	}, factory)
	if err := n.Start(ctx, factory); err != nil {
		return err
	}
	usage := metrics.NewServer(factory)
	factory.StartWithContext(ctx)
	factory.WaitForCacheSync(ctx.Done())
	if err := t.serveProxy(resolver); err != nil {
		return err
	}
	if err := t.serveMetrics(ctx, usage, config); err != nil {
		return err
	}
	return waitForServiceAccount(ctx, client)
}

func (t *testbed) serveMetrics(ctx context.Context, usage *metrics.Server, config *rest.Config) error {
	tls, err := t.cluster.ExtensionTLS(metrics.ServerName)
	if err != nil {
		return err
	}
	if err := usage.Serve(ctx, tls); err != nil {
		return err
	}
	return metrics.Register(ctx, config, t.cluster.CA())
}

func (t *testbed) serveProxy(resolver *proxy.Resolver) error {
	listener, err := net.Listen("tcp", meshProxyAddress)
	if err != nil {
		return fmt.Errorf("starting the mesh proxy: %w", err)
	}
	server := &http.Server{Handler: proxy.MeshProxy(resolver, log.Writer()), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { log.Printf("mesh proxy: %v", server.Serve(listener)) }()
	return t.forward()
}

// forward makes what is inside reachable where up says that it is: outside,
// and for up's own command, which gets the same addresses, in here too.
func (t *testbed) forward() error {
	for i, inside := range t.config.Forwarded()[:len(t.config.Outside)] {
		file := namespace.File(i, inside)
		outside, err := net.FileListener(file)
		if err != nil {
			return fmt.Errorf("taking over the listener for %s: %w", inside, err)
		}
		_ = file.Close()
		alias, err := net.Listen("tcp", t.config.Outside[i])
		if err != nil {
			return fmt.Errorf("listening for %s: %w", inside, err)
		}
		for _, listener := range []net.Listener{outside, alias} {
			go func() { log.Printf("forwarding %s: %v", inside, proxy.Forward(listener, inside)) }()
		}
	}
	return nil
}

// waitForServiceAccount waits until the controllers have made the default
// ServiceAccount: without it, no pod can be created in a namespace.
func waitForServiceAccount(ctx context.Context, client kubernetes.Interface) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		if err == nil || !apierrors.IsNotFound(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for ServiceAccount default/default: %w", ctx.Err())
		}
	}
}
