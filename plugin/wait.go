package plugin

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

type waitOptions struct {
	state   string
	timeout time.Duration
}

// goals are what wait can wait for.
var goals = map[string]goal{"ready": untilReady, "policy": untilPolicy, "takeover": untilTakenOver, "end": untilEnd}

func newWait(e *Env) *cobra.Command {
	o := waitOptions{}
	cmd := &cobra.Command{
		Use:   "wait TASK --for ready|policy|takeover|end",
		Short: "Wait until a release is ready, routed, or over",
		Example: indent(e, `
%[1]s wait reviews-v2 --for ready
%[1]s wait reviews-v2 --for end --timeout 2m`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.state == "" {
				return usage("--for is missing: ready, policy, takeover or end")
			}
			if err := oneOf("--for", o.state, "ready", "policy", "takeover", "end"); err != nil {
				return err
			}
			return o.run(cmd.Context(), e, args[0])
		},
	}
	cmd.Flags().StringVar(&o.state, "for", "", "What to wait for: ready, policy (delivered), takeover or end")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "How long to wait; then the exit status is 3")
	registerChoices(cmd, "for", "ready", "policy", "takeover", "end")
	return cmd
}

func (o *waitOptions) run(ctx context.Context, e *Env, task string) error {
	f, err := e.find(ctx, task)
	if err != nil {
		return err
	}
	g := goals[o.state]
	g.silent = true
	r, err := e.await(ctx, f, g, o.timeout)
	if err != nil {
		return err
	}
	return e.Print("%s", r.Line())
}
