package plugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

type policyOptions struct {
	writeOptions
	weight, replicas string
}

func newPolicy(e *Env) *cobra.Command {
	o := policyOptions{}
	cmd := &cobra.Command{
		Use:   "policy TASK --weight PERCENT",
		Short: "Change the share of the traffic that the grayscale version gets",
		Long: `Change the share of the traffic that the grayscale version gets.

The share is a percentage with up to two decimals. Pods are ready first, then
traffic moves. After a take-over it also sets the traffic back to the policy.`,
		Example: indent(e, `
%[1]s policy reviews-v2 --weight 10
%[1]s policy svc/reviews --weight 0.5 --replicas 1 --wait`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), e, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.weight, "weight", "", "Share of the traffic in percent, 0 to 100, up to two decimals")
	f.StringVar(&o.replicas, "replicas", "", "Replicas of the grayscale version: a number, or auto for what its share needs")
	o.addFlags(f, "the policy is delivered")
	return cmd
}

func (o *policyOptions) validate() (err error) {
	if o.weight == "" && o.replicas == "" && len(o.accept) == 0 {
		return usage("a policy needs something to change: --weight or --replicas")
	}
	if o.weight != "" {
		if o.weight, err = weight(o.weight); err != nil {
			return err
		}
	}
	if o.replicas != "" {
		if o.replicas, err = replicas(o.replicas); err != nil {
			return err
		}
	}
	return o.writeOptions.validate()
}

func (o *policyOptions) run(ctx context.Context, e *Env, task string) error {
	f, err := e.steerable(ctx, task)
	if err != nil {
		return err
	}
	w := words{}
	if o.replicas != "" {
		w.set(intent.KeyReplicas, o.replicas)
	}
	done := "changed"
	if o.weight != "" {
		w.set(intent.KeyWeight, o.weight)
		done = "asked for " + o.weight + "% of the traffic"
		if before := f.deployment.GetAnnotations()[intent.KeyTraffic]; before != "" && before != string(intent.TrafficPolicy) {
			w.set(intent.KeyTraffic, string(intent.TrafficPolicy))
			e.Say("The traffic was set to the %s version; it follows the policy again.", before)
		}
	}
	return o.change(ctx, e, f, w, done, untilPolicy)
}
