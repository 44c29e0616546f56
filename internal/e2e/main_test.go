package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
)

// cluster is the testbed's API server, with all rights.
var cluster client.Client

func TestMain(m *testing.M) {
	var err error
	if cluster, err = inside.Connect(variables, programs); err != nil {
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

// What the testbed must have set up.
var (
	variables = []string{"GATEWAY_URL", "MESH_PROXY", "TESTBED_DIR", "AUDIT_LOG"}
	programs  = []string{"kubectl", "kubectl-grayscale"}
)
