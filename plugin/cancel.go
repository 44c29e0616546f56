package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func newCancel(e *Env) *cobra.Command {
	o, local := writeOptions{}, false
	cmd := &cobra.Command{
		Use:     "cancel TASK",
		Aliases: []string{"abort"},
		Short:   "End a release: the original stays, the grayscale version goes",
		Long: `End a release: the original stays, the grayscale version goes.

All traffic goes to the original at once; then the grayscale version drains and
is deleted, and nothing of the release is left in your routes.

With --local the plugin itself does what the controller would, with your own
rights over routes, rules and workloads: for when the controller is down. It
runs until all is done; the controller closes the release when it returns.`,
		Example: indent(e, `
%[1]s cancel reviews-v2 --wait
%[1]s cancel reviews-v2 --local`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			if local {
				return cancelLocally(cmd.Context(), e, o, args[0])
			}
			return cancel(cmd.Context(), e, o, args[0])
		},
	}
	o.addFlags(cmd.Flags(), "the grayscale version is gone")
	cmd.Flags().BoolVar(&local, "local", false, "Do it here and now, without the controller")
	return cmd
}

func cancel(ctx context.Context, e *Env, o writeOptions, task string) error {
	f, err := e.find(ctx, task)
	if err != nil {
		return err
	}
	if f.ended && f.status.Phase == release.Cancelled {
		return o.unchanged(e, f, "it is cancelled already")
	}
	if f.claimed && (f.deployment == nil || f.deployment.GetAnnotations()[intent.KeyRelease] != f.task) {
		// An intent that is no longer there means cancel by itself, while there is
		// a way back.
		if e.pastReturn(ctx, f) {
			return fmt.Errorf("release %s/%s is finishing, and can't be cancelled any more", f.namespace(), f.task)
		}
		return o.report(ctx, e, f, f.deployment, "unchanged: it is being cancelled, for its intent is gone", untilCancelled)
	}
	if f, err = e.writable(ctx, task); err != nil {
		return err
	}
	w := words{}
	if !f.claimed {
		// Nothing has begun, so there is nothing to end: the request goes. That
		// works without a controller, too.
		for key := range intent.Of(f.deployment.GetAnnotations()) {
			w.remove(key)
		}
		o.before = f.deployment.GetAnnotations()
		after, _, err := e.annotate(ctx, f.deployment, w, o.dryRun)
		if err != nil {
			return err
		}
		const back = "taken back before it began"
		if o.dryRun == "" && o.output != "" { // there is nothing left to be read anew
			f.status.Phase, f.status.Message = release.Cancelled, back
			return o.unchanged(e, f, back)
		}
		o.wait = false
		return o.report(ctx, e, f, after, back, untilCancelled)
	}
	w.set(intent.KeyEnd, string(intent.EndCancel))
	return o.change(ctx, e, f, w, "asked to cancel", untilCancelled)
}

// pastReturn says whether a release that has lost its intent finishes all the
// same. Where the cluster can't be read anew it is so for sure only where the
// original is gone.
func (e *Env) pastReturn(ctx context.Context, f found) bool {
	r := e.look(ctx, f)
	finishes := r.Status.Phase == release.Finishing || r.Status.Phase == release.Finished
	return finishes && (r.Stale == "" || f.deployment == nil)
}
