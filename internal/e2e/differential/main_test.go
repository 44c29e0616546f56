package differential

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// cluster is the testbed's API server, with all rights.
var cluster client.Client

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run inside the testbed, without the product (run: make e2e):", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// connect finds what the testbed has set up.
func connect() error {
	var missing []string
	for _, name := range []string{"KUBECONFIG", "GATEWAY_URL", "MESH_PROXY", "ENVOY_GATEWAY_ADMIN", "ENVOY_SIDECAR_ADMIN"} {
		if os.Getenv(name) == "" {
			missing = append(missing, name+" is not set")
		}
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, ", "))
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	cluster, err = client.New(config, client.Options{})
	return err
}
