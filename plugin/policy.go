package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

type policyOptions struct {
	writeOptions
	policyFlags
	replicas   string
	clearMatch bool
}

func newPolicy(e *Env) *cobra.Command {
	o := policyOptions{}
	cmd := &cobra.Command{
		Use:   "policy TASK [--weight PERCENT] [--match RULE]... [--mirror PERCENT]",
		Short: "Change which traffic the grayscale version gets",
		Long: `Change which traffic the grayscale version gets.

Requests that a rule of --match takes all go there; of the others the share of
--weight, a percentage with up to two decimals. --match given replaces the rules
that stood there, and what is not given stays. With weight 0, --mirror copies a
share of the requests to the grayscale version, whose answers nobody sees.

A rule is one or more conditions, joined by " && ":
  cookie:NAME=VALUE   header:NAME=VALUE   query:NAME=VALUE
  os:iOS,Android      browser:Chrome,Safari
with = for the full value, ^= for its beginning, ~ for a regular expression, and
a bare NAME for any value.

Pods are ready first, then traffic moves. After a take-over it also sets the
traffic back to the policy.`,
		Example: indent(e, `
%[1]s policy reviews-v2 --weight 10
%[1]s policy reviews-v2 --match cookie:User=Internal --match "header:end-user^=test- && os:iOS,Android"
%[1]s policy reviews-v2 --weight 0 --clear-match --mirror 5
%[1]s policy svc/reviews --weight 0.5 --replicas 1 --wait`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(e); err != nil {
				return err
			}
			return o.run(cmd.Context(), e, args[0])
		},
	}
	o.policyFlags.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.clearMatch, "clear-match", false, "Remove all rules")
	f.StringVar(&o.replicas, "replicas", "", "Replicas of the grayscale version: a number, or auto for what its share needs")
	o.writeOptions.addFlags(f, "the policy is delivered")
	return cmd
}

func (o *policyOptions) validate(e *Env) (err error) {
	if err := noneEmpty(o.flags); err != nil {
		return err
	}
	if err := o.policyFlags.validate(e); err != nil {
		return err
	}
	switch {
	case !o.given() && !o.clearMatch && o.replicas == "" && len(o.accept) == 0:
		return usage("a policy needs something to change: --weight, --match, --match-file, --clear-match, --mirror or --replicas")
	case o.clearMatch && o.matches():
		return usage("--clear-match can't be used with --match, which replaces the rules by itself")
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
	there, _ := intent.Parse(f.deployment.GetAnnotations())
	w, done := words{}, "changed"
	if o.given() || o.clearMatch {
		if there.Form == intent.BlueGreen {
			return e.noPartial(f)
		}
		w, done = o.steer(there)
	}
	if o.replicas != "" {
		w.set(intent.KeyReplicas, o.replicas)
	}
	if err := o.change(ctx, e, f, w, done, untilPolicy); err != nil {
		return err
	}
	e.passOn(ctx, f, o.rules)
	return nil
}

// steer gives the words of a policy, and what they come to.
func (o *policyOptions) steer(there intent.Intent) (w words, done string) {
	w = o.words()
	if o.clearMatch {
		w.remove(intent.KeyMatch)
	}
	if there.Traffic != intent.TrafficPolicy {
		w.set(intent.KeyTraffic, string(intent.TrafficPolicy))
		o.note = fmt.Sprintf("The traffic was set to the %s version; it follows the policy again.", there.Traffic)
	}
	switch asked := o.String(); {
	case asked == "":
		return w, "asked for no requests by their content"
	case o.clearMatch:
		return w, "asked for " + asked + ", and no requests by their content"
	default:
		return w, "asked for " + asked
	}
}

// noPartial is the error of a share of the traffic where the form knows none.
func (e *Env) noPartial(f found) error {
	takeover := func(to string) string { return e.command(f.namespace(), "takeover", f.task, "--to", to) }
	return fmt.Errorf("release %s/%s is blue-green: one of its versions has all traffic, and the other none; move it with: %s, and back with: %s",
		f.namespace(), f.task, takeover("grayscale"), takeover("original"))
}
