package plugin

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

type installOptions struct {
	manifests.Options
	propagation, drain, hold time.Duration
	aggregate                bool
	dryRun                   dryRun
	output                   string
	wait                     bool
	timeout                  time.Duration
}

func newInstall(e *Env) *cobra.Command {
	o := installOptions{}
	cmd := &cobra.Command{
		Use:   "install --image REF",
		Short: "Install or upgrade the controller",
		Long: `Install or upgrade the controller.

Applies the controller's manifests by server-side apply and waits until it
answers. Once more is an upgrade: what no flag says stays as it was installed,
and so do the controller's arguments that were set by hand.
Needs the rights of a cluster administrator.`,
		Example: indent(e, `
%[1]s install --image example.com/grayscale-controller:v1
%[1]s install --image example.com/grayscale-controller:v1 --dry-run -o yaml > grayscale.yaml`),
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("propagation-delay") {
				o.Propagation = &o.propagation
			}
			if cmd.Flags().Changed("drain") {
				o.Drain = &o.drain
			}
			if cmd.Flags().Changed("readiness-hold") {
				o.Hold = &o.hold
			}
			if cmd.Flags().Changed("aggregate-roles") {
				o.Aggregate = &o.aggregate
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Image, "image", Image, "Image of the controller")
	f.StringVar(&o.Namespace, "controller-namespace", "", "Namespace for the controller, made if it is not there (default: the one that it is installed in, else "+manifests.Namespace+")")
	f.Int32Var(&o.Replicas, "replicas", 0, "Replicas of the controller (default 2)")
	f.DurationVar(&o.propagation, "propagation-delay", 15*time.Second, "Time from the write of a route until every proxy has it; above istiod's PILOT_DEBOUNCE_MAX")
	f.DurationVar(&o.drain, "drain", 30*time.Second, "Time from a version's last traffic until it is deleted")
	f.DurationVar(&o.hold, "readiness-hold", 10*time.Second, "Readiness that a lost version must show before it gets traffic again")
	f.StringVar(&o.RootNamespace, "root-namespace", "", "Root namespace of the mesh (default istio-system)")
	f.StringVar(&o.VersionLabel, "version-label", "", "Pod label that tells versions apart, tried before version and app.kubernetes.io/version")
	f.BoolVar(&o.aggregate, "aggregate-roles", true, "Let the cluster's roles view and edit carry "+manifests.Viewer+" and "+manifests.Releaser+"; else bind those yourself")
	f.StringVarP(&o.output, "output", "o", "", "With --dry-run: yaml")
	o.dryRun.addFlag(f)
	addWaitFlags(f, &o.wait, &o.timeout, true, "Wait until the controller answers")
	return cmd
}

func (o *installOptions) validate() error {
	switch {
	case o.output != "" && o.output != "yaml":
		return usage("--output %q: install prints yaml only", o.output)
	case o.output != "" && o.dryRun == "":
		return usage("--output goes with --dry-run: an installation prints what it does")
	case o.propagation < 0 || o.drain < 0 || o.hold < 0:
		return usage("--propagation-delay, --drain and --readiness-hold are times from 0 on")
	case o.Replicas < 0:
		return usage("--replicas %d is no number of replicas; write 1 or more", o.Replicas)
	}
	return o.dryRun.validate()
}

func (o *installOptions) run(ctx context.Context, e *Env) error {
	if err := o.keepInstalled(ctx, e); err != nil {
		return err
	}
	if err := release.CheckVersionLabel(o.VersionLabel); err != nil {
		return usage("%w", err)
	}
	if o.Image == "" {
		return usage("--image is missing: this build of the plugin knows no image of the controller; write the one that you have pushed")
	}
	objects, err := manifests.Build(o.Options)
	if err != nil {
		return err
	}
	if o.output == "yaml" {
		text, err := toYAML(objects)
		if err != nil {
			return err
		}
		return e.Print("%s", text[:len(text)-1])
	}
	if err := o.needsIstio(ctx, e); err != nil {
		return err
	}
	for _, u := range objects {
		if err := o.apply(ctx, e, u); err != nil {
			return err
		}
	}
	if o.dryRun != "" || !o.wait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := e.waitForController(ctx, o.Namespace); err != nil {
		return err
	}
	e.Say("The controller is ready. Next: %s services", e.Called)
	return nil
}

// needsIstio refuses a cluster where the controller would find nothing to do
// its work with, and not start.
func (o *installOptions) needsIstio(ctx context.Context, e *Env) error {
	if o.dryRun == dryRunClient {
		return nil
	}
	c, err := e.Client()
	if err != nil {
		return err
	}
	kind := snapshot.VirtualServices
	_, err = snapshot.List(ctx, c, kind, client.Limit(1))
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("the cluster serves no %s of %s: install Istio first, 1.22 or newer", kind.Kind, kind.GroupVersion())
	}
	return err
}

// keepInstalled fills what no flag said with what the cluster has, so that an
// upgrade loses no setting. --dry-run=client asks no cluster.
func (o *installOptions) keepInstalled(ctx context.Context, e *Env) error {
	if o.dryRun == dryRunClient {
		o.Namespace = cmp.Or(o.Namespace, manifests.Namespace)
		return nil
	}
	c, err := e.Client()
	if err != nil {
		return err
	}
	if o.Namespace, err = e.chosen(ctx, o.Namespace, "install"); err != nil {
		return err
	}
	deployment := newObject("apps/v1", "Deployment")
	err = c.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: manifests.Controller}, deployment)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading Deployment %s/%s: %w", o.Namespace, manifests.Controller, err)
	}
	had := manifests.Installed(deployment)
	if o.Image == "" {
		o.Image = had.Image
	}
	if o.Replicas == 0 {
		o.Replicas = had.Replicas
	}
	if o.Propagation == nil {
		o.Propagation = had.Propagation
	}
	if o.Drain == nil {
		o.Drain = had.Drain
	}
	if o.Hold == nil {
		o.Hold = had.Hold
	}
	o.VersionLabel = cmp.Or(o.VersionLabel, had.VersionLabel)
	o.RootNamespace = cmp.Or(o.RootNamespace, had.RootNamespace)
	o.Arguments = had.Arguments
	return o.keepAggregation(ctx, c)
}

// keepAggregation keeps that view and edit carry no role of ours, also where an
// administrator took the labels away by hand.
func (o *installOptions) keepAggregation(ctx context.Context, c client.Client) error {
	role := newObject("rbac.authorization.k8s.io/v1", "ClusterRole")
	role.SetName(manifests.Releaser)
	switch err := c.Get(ctx, client.ObjectKeyFromObject(role), role); {
	case apierrors.IsNotFound(err) || o.Aggregate != nil:
		return nil
	case err != nil:
		return fmt.Errorf("reading %s: %w", named(role), err)
	}
	aggregated := manifests.Aggregated(role)
	o.Aggregate = &aggregated
	return nil
}

// apply writes one object and says what became of it.
func (o *installOptions) apply(ctx context.Context, e *Env, u *unstructured.Unstructured) error {
	if o.dryRun == dryRunClient {
		return e.Print("%s installed (client dry run)", named(u))
	}
	c, err := e.Client()
	if err != nil {
		return err
	}
	before := newObject(u.GetAPIVersion(), u.GetKind())
	err = c.Get(ctx, client.ObjectKeyFromObject(u), before)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading %s: %w", named(u), err)
	}
	existed := err == nil
	if u.GetKind() == "Namespace" && existed && before.GetLabels()["app.kubernetes.io/managed-by"] != manifests.Selector["app.kubernetes.io/managed-by"] {
		// Somebody else's: with our labels on it, uninstall would delete it.
		return e.Print("%s unchanged (it was there before)", named(u))
	}
	options := []client.ApplyOption{client.FieldOwner(FieldManager), client.ForceOwnership}
	if o.dryRun == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	after := u.DeepCopy()
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(after), options...); err != nil {
		if o.dryRun == dryRunServer && apierrors.IsNotFound(err) {
			return fmt.Errorf("applying %s: a server dry run needs namespace %s to be there (--dry-run=client does not): %w", named(u), o.Namespace, err)
		}
		return fmt.Errorf("applying %s: %w", named(u), err)
	}
	done := "configured"
	switch {
	case !existed:
		done = "created"
	case before.GetResourceVersion() == after.GetResourceVersion():
		done = "unchanged"
	}
	if o.dryRun == dryRunServer {
		done += " (server dry run)"
	}
	return e.Print("%s %s", named(u), done)
}
