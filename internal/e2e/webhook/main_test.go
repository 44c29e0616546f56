// Package webhook tries admission on a real API server, the one of KUBECONFIG,
// which must not have the product installed (testbed run --bare). The webhooks
// run in the test's own process, behind the configurations of the manifests.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	webhookserver "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/controller"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

const (
	system = "grayscale-system"
	name   = "grayscale"
	we     = "system:serviceaccount:grayscale-system:grayscale-controller"
	jane   = "jane"
	soon   = 30 * time.Second
)

var (
	config *rest.Config
	secret = types.NamespacedName{Namespace: system, Name: "grayscale-webhook-cert"}
	port   int
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "webhook tests:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	config, err = clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return 1, fmt.Errorf("KUBECONFIG must name a real API server: %w", err)
	}
	config.QPS, config.Burst = 200, 400
	ctrl.SetLogger(logr.Discard())
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if listen := os.Getenv(replicaPort); listen != "" {
		return 0, replica(ctx, stop, listen)
	}
	if err := install(ctx); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, remove(context.Background())) }()
	ended, err := serve(ctx)
	if err != nil {
		return 1, err
	}
	if err := answered(ctx); err != nil {
		return 1, err
	}
	code = m.Run()
	stop()
	return code, <-ended
}

// admin is a client without an identity of its own beside the kubeconfig's.
func admin() client.Client {
	c, err := client.New(config, client.Options{})
	if err != nil {
		panic(err)
	}
	return c
}

// serve runs the webhooks as the controller does, and returns when the API
// server can call them.
func serve(ctx context.Context) (<-chan error, error) {
	dir, err := os.MkdirTemp("", "webhook")
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Cache:          controller.CacheOptions(),
		Client:         client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:        server.Options{BindAddress: "0"},
		WebhookServer:  webhookserver.NewServer(webhookserver.Options{Host: "127.0.0.1", Port: port}),
		LeaderElection: true, LeaderElectionID: "grayscale-controller", LeaderElectionNamespace: system,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, err
	}
	if err := controller.Index(ctx, mgr.GetCache()); err != nil {
		return nil, err
	}
	ready, err := webhook.Certificates(mgr, webhook.CertOptions{
		Secret: secret, Service: "grayscale-webhook", Names: []string{"localhost"}, Configuration: name, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	err = webhook.Register(counting{mgr}, webhook.Options{Controller: we, Settings: plan.Defaults, Cached: mgr.GetClient(), Ways: &snapshot.Ways{Now: time.Now}})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := mgr.Start(ctx)
		ended <- errors.Join(err, os.RemoveAll(dir))
	}()
	select {
	case err := <-ended:
		return nil, fmt.Errorf("the webhooks ended at once: %w", err)
	case <-ready:
	case <-time.After(soon):
		return nil, fmt.Errorf("the webhooks were not ready after %s", soon)
	}
	return ended, nil
}

// answered waits until the API server has seen the configurations: until it
// refuses what only a webhook would.
func answered(ctx context.Context) error {
	return until(ctx, "the API server asks the webhooks", func() (bool, error) {
		err := admin().Create(ctx, deployment("default", "probe", map[string]string{"grayscale.dev/wait": "yes"}), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "grayscale.dev/wait"), nil
	})
}

// until polls a condition.
func until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", soon, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// install puts the manifests' configurations on the API server, with a URL in
// place of the Service, and the Secret that the installation holds.
func install(ctx context.Context) (err error) {
	if port, err = free(); err != nil {
		return err
	}
	configurations, err := configurations()
	if err != nil {
		return err
	}
	for _, o := range configurations {
		err := admin().Create(ctx, o)
		if apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("the product is installed there: use testbed run --bare: %w", err)
		}
		if err != nil {
			return fmt.Errorf("creating %s: %w", o.GetName(), err)
		}
	}
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}},
	} {
		if err := admin().Create(ctx, o); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("creating %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// free gives a port that nobody listens on.
func free() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

func configurations() (out []client.Object, err error) {
	text, err := os.ReadFile("../../../manifests/base/webhooks.yaml")
	if err != nil {
		return nil, err
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			return nil, err
		}
		if err := dial(u, local(port)); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// where sets in a webhook's clientConfig whom the API server calls for a path.
type where func(clientConfig map[string]any, path string)

// local is a port of this machine.
func local(port int) where {
	return func(clientConfig map[string]any, path string) {
		delete(clientConfig, "service")
		clientConfig["url"] = "https://localhost:" + strconv.Itoa(port) + path
	}
}

// dial has the webhooks of a configuration called there.
func dial(u *unstructured.Unstructured, there where) error {
	hooks, _, err := unstructured.NestedSlice(u.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, hook := range hooks {
		to := hook.(map[string]any)["clientConfig"].(map[string]any)
		path, ok, _ := unstructured.NestedString(to, "service", "path")
		if !ok {
			url := to["url"].(string)
			path = url[strings.LastIndex(url, "/"):]
		}
		there(to, path)
	}
	return unstructured.SetNestedSlice(u.Object, hooks, "webhooks")
}

func remove(ctx context.Context) error {
	configurations, err := configurations()
	if err != nil {
		return err
	}
	for _, o := range append(configurations, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}) {
		if err := admin().Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s: %w", o.GetName(), err)
		}
	}
	return nil
}
