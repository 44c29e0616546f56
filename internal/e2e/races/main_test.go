package races

import (
	"fmt"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
)

// soon bounds everything that is waited for, on a machine that may be busy.
const soon = 90 * time.Second

var (
	// cluster reads and prepares.
	cluster client.Client
	// watchers are one of each API server, for the witness.
	watchers []client.WithWatch
	// askers are one of each API server, with a bad connection to it.
	askers []client.Client
)

func TestMain(m *testing.M) {
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run inside the testbed, with the product installed and two API servers (run: make races):", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func connect() (err error) {
	if cluster, err = inside.Connect([]string{"KUBECONFIG_2", "TESTBED_DIR", "AUDIT_LOG"}, nil); err != nil {
		return err
	}
	for _, variable := range []string{"KUBECONFIG", "KUBECONFIG_2"} {
		config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(variable))
		if err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		config.QPS = -1
		watcher, err := client.NewWithWatch(config, client.Options{})
		if err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		watchers = append(watchers, watcher)
		asker, err := client.New(lossy(config), client.Options{})
		if err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		askers = append(askers, asker)
	}
	return nil
}

// lossy is a configuration whose connections lose requests and answers.
func lossy(config *rest.Config) *rest.Config {
	bad := rest.CopyConfig(config)
	bad.Wrap(loseSome)
	return bad
}
