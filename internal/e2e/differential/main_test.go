package differential

import (
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
		fmt.Fprintln(os.Stderr, "these tests run inside the testbed, without the product (run: make e2e):", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What the testbed must have set up.
var (
	variables = []string{"GATEWAY_URL", "MESH_PROXY", "ENVOY_GATEWAY_ADMIN", "ENVOY_SIDECAR_ADMIN"}
	programs  = []string{}
)
