package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/go-logr/logr"
)

// cluster is the testbed's API server, with all rights.
var cluster client.Client

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests run inside the testbed, with the product installed (run: make e2e):", err)
		os.Exit(1)
	}
	// The scenarios wait more than they work. The command line may still say
	// otherwise: it is read later.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// connect finds what the testbed has set up.
func connect() error {
	var missing []string
	for _, name := range []string{"KUBECONFIG", "GATEWAY_URL", "MESH_PROXY", "TESTBED_DIR", "AUDIT_LOG"} {
		if os.Getenv(name) == "" {
			missing = append(missing, name+" is not set")
		}
	}
	for _, program := range []string{"kubectl", "kubectl-grayscale"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program+" is not in PATH")
		}
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, ", "))
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	cluster, err = client.New(config, client.Options{})
	return err
}
