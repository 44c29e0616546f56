package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func newFinish(e *Env) *cobra.Command {
	o := writeOptions{}
	cmd := &cobra.Command{
		Use:   "finish TASK",
		Short: "End a release: the grayscale version stays, the original goes",
		Long: `End a release: the grayscale version stays, the original goes.

It goes on only while the grayscale version has all traffic. The original
drains and is deleted; routes that name its version then name the new one.`,
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
	o.addFlags(cmd.Flags(), "the original is gone")
	return cmd
}

func finish(ctx context.Context, e *Env, o writeOptions, task string) error {
	f, err := e.find(ctx, task)
	if err != nil {
		return err
	}
	if f.ended && f.status.Phase == release.Finished {
		return e.Print("release %s/%s unchanged: it is finished already", f.namespace(), f.task)
	}
	if f, err = e.writable(ctx, task); err != nil {
		return err
	}
	i, _ := intent.Parse(f.deployment.GetAnnotations())
	if i.End == intent.EndCancel {
		return fmt.Errorf("release %s/%s is being cancelled; it can't be finished any more", f.namespace(), f.task)
	}
	if i.Asked() != intent.Full {
		return fmt.Errorf("release %s/%s can't be finished: its grayscale version is asked to have %s%% of the traffic, and it needs all; first: %s",
			f.namespace(), f.task, i.Asked(), e.command(f.namespace(), "takeover", f.task, "--wait"))
	}
	w := words{}
	w.set(intent.KeyEnd, string(intent.EndFinish))
	return o.change(ctx, e, f, w, "asked to finish", untilFinished)
}
