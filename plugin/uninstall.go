package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/local"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

type uninstallOptions struct {
	namespace            string
	cancel, force, purge bool
	timeout              time.Duration
}

func newUninstall(e *Env) *cobra.Command {
	o := uninstallOptions{}
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the controller and everything of ours from the cluster",
		Long: `Remove the controller and everything of ours from the cluster.

Refused while releases run. With --cancel-running they are cancelled first, and
waited for; while no controller is available, this command ends them itself.
Only the histories on Services stay, unless --purge takes them.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.cancel && o.force {
				return usage("--cancel-running ends the releases and --force leaves them standing: choose one")
			}
			return o.run(cmd.Context(), e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.namespace, "controller-namespace", "", "Namespace of the controller (default: the one that it is installed in)")
	f.BoolVar(&o.cancel, "cancel-running", false, "Cancel the releases that run first, and wait until they are over")
	f.BoolVar(&o.force, "force", false, "Go on though releases run; their routes and Deployments stay as they are")
	f.BoolVar(&o.purge, "purge", false, "Remove the histories from the Services, too")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "How long to wait; then the exit status is 3")
	return cmd
}

func (o *uninstallOptions) run(ctx context.Context, e *Env) error {
	ctx, stop := context.WithTimeout(ctx, o.timeout)
	defer stop()
	namespace, err := e.chosen(ctx, o.namespace, "uninstall")
	if err != nil {
		return err
	}
	o.namespace = namespace
	s, err := e.scene(ctx, "")
	if err != nil {
		return err
	}
	if running := s.running(); len(running) > 0 {
		if err := o.end(ctx, e, running); err != nil {
			return err
		}
	}
	if err := o.remove(ctx, e); err != nil {
		return e.gaveUp(err, "the controller's objects are not all gone")
	}
	if err := o.clean(ctx, e); err != nil {
		return e.gaveUp(err, "the controller is gone, and the histories on Services are not")
	}
	left, err := e.leftovers(ctx)
	if err != nil {
		return e.gaveUp(err, "the controller is gone, and it is not known whether anything of ours is left")
	}
	if o.force && len(left) > 0 {
		e.Say("Uninstalled. Left as it stands, as --force says:\n%s\nTo end it, install again and cancel or finish.", bullets(strings.Join(left, "\n")))
		return nil
	}
	if len(left) > 0 {
		return fmt.Errorf("uninstalled, but this of ours is left, and a controller would have taken it away:\n%s\ninstall again, wait until it is gone, and uninstall then",
			bullets(strings.Join(left, "\n")))
	}
	e.Say("Nothing of ours is left in the cluster%s.", map[bool]string{false: " but the histories on Services (--purge takes them, too)"}[o.purge])
	return nil
}

// end deals with the releases that run: it refuses, leaves them, or cancels
// them and waits until they are over.
func (o *uninstallOptions) end(ctx context.Context, e *Env, running []found) error {
	if o.force {
		e.Say("Left as they stand: %s", tasks(running))
		return nil
	}
	if !o.cancel {
		return fmt.Errorf("still running: %s; finish or cancel first, or use --cancel-running", tasks(running))
	}
	return o.awaitEnds(ctx, e, running)
}

// cancelOne asks a release to cancel, once for each state of its Deployment: somebody
// else, Git say, may write the intent back. asked are the resource versions by release.
func (o *uninstallOptions) cancelOne(ctx context.Context, e *Env, f found, asked map[string]string) error {
	if f.deployment == nil || f.deployment.GetAnnotations()[intent.KeyRelease] != f.task {
		return nil // its intent is gone, and that is a cancel
	}
	if asked[f.key()] == f.deployment.GetResourceVersion() {
		return nil
	}
	w := words{}
	w.set(intent.KeyEnd, string(intent.EndCancel))
	if !f.claimed {
		for key := range intent.Of(f.deployment.GetAnnotations()) {
			w.remove(key)
		}
	}
	after, changed, err := e.annotate(ctx, f.deployment, w, "")
	if err != nil {
		return err
	}
	asked[f.key()] = after.GetResourceVersion()
	if !changed {
		return nil
	}
	return e.Print("release %s/%s asked to cancel", f.namespace(), f.task)
}

// awaitEnds cancels what runs, and waits until no release does; running are those
// that do. It ends them itself as long as no controller is available: one that hangs
// is seen to be gone when its probes have failed, and one may return at any time.
// Nobody closes the claims of those that it ended: they go with the rest.
func (o *uninstallOptions) awaitEnds(ctx context.Context, e *Env, running []found) error {
	changes, stop, err := e.watch(ctx, watched{"v1", "Service", "", nil}, watched{"apps/v1", "Deployment", "", nil})
	if err != nil {
		return e.gaveUp(err, "still running: "+tasks(running))
	}
	defer stop()
	line := e.progress()
	defer line.end()
	asked, byHand := map[string]string{}, map[string]bool{}
	var set plan.Settings
	var down string
	for {
		now, err := o.stillRunning(ctx, e, asked, byHand)
		if err != nil {
			return e.gaveUp(err, "still running: "+tasks(running))
		}
		if running = now; len(running) == 0 {
			return nil
		}
		was := down
		set, down = e.settings(ctx)
		if down == "" {
			line.show("waiting for the end of %s", tasks(running))
			if err := next(ctx, changes); err != nil && !errors.Is(err, errStalled) {
				return e.gaveUp(err, "still running: "+tasks(running))
			}
			continue
		}
		claimed := slices.IndexFunc(running, func(f found) bool { return f.claimed })
		switch {
		case claimed < 0 && was != "":
			return nil // what nobody has begun, nobody will
		case claimed < 0:
			continue // before it was seen to be down, the controller may have begun one
		}
		line.end()
		if len(byHand) == 0 {
			e.Say("The releases are ended by hand: %s", down) // which may end with a command to be copied
		}
		byHand[running[claimed].key()] = true
		if err := o.endOne(ctx, e, running[claimed], set); err != nil {
			return err
		}
	}
}

// stillRunning gives the releases that run beside those ended by hand, and cancels
// them: one may begin while another ends.
func (o *uninstallOptions) stillRunning(ctx context.Context, e *Env, asked map[string]string, byHand map[string]bool) ([]found, error) {
	s, err := e.scene(ctx, "")
	if err != nil {
		return nil, err
	}
	running := slices.DeleteFunc(s.running(), func(f found) bool { return byHand[f.key()] })
	for _, f := range running {
		if f.broken != nil {
			return nil, f.broken
		}
		if err := o.cancelOne(ctx, e, f, asked); err != nil {
			return nil, err
		}
	}
	return running, nil
}

// endOne ends a release by hand, unless the controller wakes up and does.
func (o *uninstallOptions) endOne(ctx context.Context, e *Env, f found, set plan.Settings) error {
	_, err := e.endByHand(ctx, f, set)
	if errors.Is(err, local.ErrEnded) {
		e.Say("release %s/%s is over: the controller returned, and ended it", f.namespace(), f.task)
		return nil
	}
	return err
}

func tasks(list []found) string {
	var out []string
	for _, f := range list {
		out = append(out, f.namespace()+"/"+f.task)
	}
	return strings.Join(out, ", ")
}

// remove deletes what install applied: first what would refuse writes while
// nobody answers, at last the namespace.
func (o *uninstallOptions) remove(ctx context.Context, e *Env) error {
	c, err := e.Client()
	if err != nil {
		return err
	}
	installed, err := o.installed(ctx, c)
	if err != nil {
		return err
	}
	for _, u := range installed {
		how := metav1.DeletePropagationBackground
		if u.GetKind() == "Deployment" {
			how = metav1.DeletePropagationForeground
		}
		if err := c.Delete(ctx, u, client.PropagationPolicy(how)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s: %w", named(u), err)
		}
		if err := e.Print("%s deleted", named(u)); err != nil {
			return err
		}
		if u.GetKind() != "Deployment" {
			continue
		}
		// Its pods let go of their Lease at their end, for which they need their rights.
		if err := o.awaitGone(ctx, e, []*unstructured.Unstructured{u}); err != nil {
			return err
		}
	}
	if len(installed) == 0 {
		e.Say("The controller is not installed in namespace %s.", o.namespace)
		return nil
	}
	if err := o.awaitGone(ctx, e, installed); err != nil {
		return err
	}
	// Where the namespace is not ours, the controller's Lease outlives it.
	lease := newObject("coordination.k8s.io/v1", "Lease")
	lease.SetNamespace(o.namespace)
	lease.SetName(manifests.Controller)
	if err := c.Delete(ctx, lease); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", named(lease), err)
	}
	return nil
}

// installed finds everything with our labels, of this version or another, in
// the order in which it is to be deleted.
func (o *uninstallOptions) installed(ctx context.Context, c client.Client) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, kind := range manifests.Removal() {
		options := []client.ListOption{client.MatchingLabels(manifests.Selector)}
		if kind.Namespaced {
			options = append(options, client.InNamespace(o.namespace))
		}
		found, err := snapshot.List(ctx, c, schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind), options...)
		switch {
		case meta.IsNoMatchError(err):
			continue
		case err != nil:
			return nil, err
		}
		for _, u := range found {
			if kind.Kind == "Namespace" && u.GetName() != o.namespace {
				continue // another installation's
			}
			out = append(out, u)
		}
	}
	return out, nil
}

// awaitGone waits until the API server has none of the objects any more.
func (o *uninstallOptions) awaitGone(ctx context.Context, e *Env, objects []*unstructured.Unstructured) error {
	c, err := e.Client()
	if err != nil {
		return err
	}
	changes, stop, err := e.watch(ctx, watched{"v1", "Namespace", "", nil}, watched{"apps/v1", "Deployment", o.namespace, nil})
	if err != nil {
		return err
	}
	defer stop()
	line := e.progress()
	defer line.end()
	for _, u := range objects {
		for {
			err := c.Get(ctx, client.ObjectKeyFromObject(u), newObject(u.GetAPIVersion(), u.GetKind()))
			if apierrors.IsNotFound(err) {
				break
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", named(u), err)
			}
			line.show("waiting until %s is gone", named(u))
			if err := next(ctx, changes); err != nil && !errors.Is(err, errStalled) {
				return err
			}
		}
	}
	return nil
}
