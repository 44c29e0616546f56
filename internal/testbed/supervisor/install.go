package supervisor

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

// Plugin and Controller are the product's programs, beside the testbed's.
const (
	Plugin     = "kubectl-grayscale"
	Controller = "grayscale-controller"
)

// install installs the product as a user would, with delays that suit a mesh
// whose istiod pushes within half a second.
func (t *testbed) install(ctx context.Context) error {
	args := append([]string{"install", "--image", Controller + ":dev", "--propagation-delay", "3s", "--drain", "2s"}, t.config.InstallFlags...)
	p, err := process.Start(process.Spec{
		Name: "install", Path: filepath.Join(t.config.Programs, Plugin), Args: args,
		Env: []string{"KUBECONFIG=" + t.config.path("kubeconfig")}, LogDir: t.config.path("logs"),
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.Done():
	}
	if !p.Succeeded() {
		return fmt.Errorf("installing the product: %w", p.Failure())
	}
	return nil
}
