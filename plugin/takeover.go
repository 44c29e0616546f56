package plugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

type takeoverOptions struct {
	writeOptions
	to string
}

func newTakeover(e *Env) *cobra.Command {
	o := takeoverOptions{}
	cmd := &cobra.Command{
		Use:   "takeover TASK",
		Short: "Give all traffic to one version, or back to the policy",
		Long: `Give all traffic to one version, or back to the policy.

The policy stays written, and --to policy returns to it. To the original it all
goes at once; to the grayscale version once that has the pods for it.`,
		Example: indent(e, `
%[1]s takeover reviews-v2 --wait
%[1]s takeover reviews-v2 --to original`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--to", o.to, "grayscale", "original", "policy"); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), e, args[0])
		},
	}
	cmd.Flags().StringVar(&o.to, "to", string(intent.TrafficGrayscale), "Who gets the traffic: grayscale, original or policy")
	o.addFlags(cmd.Flags(), "it has the traffic")
	registerChoices(cmd, "to", "grayscale", "original", "policy")
	return cmd
}

func (o *takeoverOptions) run(ctx context.Context, e *Env, task string) error {
	f, err := e.steerable(ctx, task)
	if err != nil {
		return err
	}
	w := words{}
	w.set(intent.KeyTraffic, o.to)
	switch intent.Traffic(o.to) {
	case intent.TrafficOriginal:
		return o.change(ctx, e, f, w, "asked to give all traffic to the original version", untilOriginal)
	case intent.TrafficPolicy:
		return o.change(ctx, e, f, w, "asked to follow its policy again", untilPolicy)
	}
	return o.change(ctx, e, f, w, "asked to give all traffic to the grayscale version", untilTakenOver)
}
