package plugin

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// What the linker writes in (-X). Image is the controller's that goes with this
// version; empty in a build of one's own, and then install must be told.
var (
	Version = "dev"
	Image   = ""
)

type versionOptions struct {
	namespace string
	local     bool
}

func newVersion(e *Env) *cobra.Command {
	o := versionOptions{}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the plugin's version, and the controller's image",
		Args:  exactly(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), e) },
	}
	cmd.Flags().StringVar(&o.namespace, "controller-namespace", "", "Namespace of the controller (default: the one that it is installed in)")
	cmd.Flags().BoolVar(&o.local, "client", false, "Print the plugin's version only")
	return cmd
}

func (o versionOptions) run(ctx context.Context, e *Env) error {
	if err := e.Print("plugin:     %s (%s, %s/%s)", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil || o.local {
		return err
	}
	return e.Print("controller: %s", e.controllerVersion(ctx, o.namespace))
}

// controllerVersion says in a word what runs in the cluster. The plugin's own
// version is worth printing even when no cluster answers.
func (e *Env) controllerVersion(ctx context.Context, namespace string) string {
	c, err := e.Client()
	if err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	if namespace == "" {
		installed, err := e.installation(ctx)
		if err != nil && !apierrors.IsForbidden(err) {
			return fmt.Sprintf("unknown (%v)", err)
		}
		namespace = cmp.Or(installed, manifests.Namespace)
	}
	deployment := newObject("apps/v1", "Deployment")
	err = c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: manifests.Controller}, deployment)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return "not installed in namespace " + namespace
	case err != nil:
		return fmt.Sprintf("unknown (%v)", err)
	}
	return manifests.Installed(deployment).Image
}
