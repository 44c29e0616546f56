package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

func newFinish(e *Env) *cobra.Command {
	o := writeOptions{}
	cmd := &cobra.Command{
		Use:   "finish TASK",
		Short: "End a release: the grayscale version stays, the original goes",
		Long: `End a release: the grayscale version stays, the original goes.

It goes on only while the grayscale version has all traffic. Routes that name
the original's version then name the new one. Which of the two ways it takes was
fixed at the start:

replace   the original drains and is deleted; the grayscale version's Deployment
          stays, freed of our labels.
in-place  the original takes the new pod template, and keeps its name; then the
          grayscale version's Deployment goes. An original that Git, Helm or an
          owner manages is not written: the release waits, and prints the change
          to commit there.`,
		Example:           indent(e, `%[1]s finish reviews-v2 --wait`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return finish(cmd.Context(), e, o, args[0])
		},
	}
	o.addFlags(cmd.Flags(), "the version that leaves is gone")
	return cmd
}

func finish(ctx context.Context, e *Env, o writeOptions, task string) error {
	f, err := e.find(ctx, task)
	if err != nil {
		return err
	}
	if f.ended && f.status.Phase == release.Finished {
		return o.unchanged(e, f, "it is finished already")
	}
	if f, err = e.writable(ctx, task); err != nil {
		return err
	}
	i, _ := intent.Parse(f.deployment.GetAnnotations())
	if i.End == intent.EndCancel {
		return fmt.Errorf("release %s/%s is being cancelled; it can't be finished any more", f.namespace(), f.task)
	}
	if share := i.Asked(); !share.All() {
		return fmt.Errorf("release %s/%s can't be finished: its grayscale version is asked to have %s, and it needs all traffic; first: %s",
			f.namespace(), f.task, view.Share(i.Form, share), e.command(f.namespace(), "takeover", f.task, "--wait"))
	}
	w := words{}
	w.set(intent.KeyEnd, string(intent.EndFinish))
	return o.change(ctx, e, f, w, "asked to finish", untilFinished)
}
