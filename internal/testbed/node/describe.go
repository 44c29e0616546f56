package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/rootfs"
)

// describe writes down what the container's process is to be and returns the
// path of that.
func (c *processContainer) describe(ctx context.Context) (string, error) {
	environment, err := c.r.environment(ctx, c.pod, c.spec)
	if err != nil {
		return "", err
	}
	mounts, err := c.r.mounts(ctx, c.pod, c.spec)
	if err != nil {
		return "", err
	}
	base := filepath.Join(c.r.node.podData(c.pod.UID), c.spec.Name)
	spec := rootfs.Spec{
		Root: filepath.Join(base, "root"), Program: filepath.Join(c.r.node.Programs, ControllerImage),
		Dir: c.spec.WorkingDir, Mounts: mounts,
	}
	if s := c.spec.SecurityContext; s != nil && s.ReadOnlyRootFilesystem != nil {
		spec.ReadOnly = *s.ReadOnlyRootFilesystem
	}
	// The image's entry point is the program, so command says nothing new.
	for _, arg := range c.spec.Args {
		spec.Args = append(spec.Args, expand(arg, environment))
	}
	for name, value := range environment {
		spec.Env = append(spec.Env, name+"="+value)
	}
	if err := os.MkdirAll(spec.Root, 0o755); err != nil {
		return "", fmt.Errorf("making its root: %w", err)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("describing it: %w", err)
	}
	path := filepath.Join(base, "container.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("describing it: %w", err)
	}
	return path, nil
}
