package plugin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// writeOptions are the flags of every verb that writes an intent.
type writeOptions struct {
	dryRun  dryRun
	output  string
	wait    bool
	timeout time.Duration
	accept  []string
	note    string            // chatter for once the write has been done
	before  map[string]string // the annotations that were there, where some are written
}

func (o *writeOptions) addFlags(f *pflag.FlagSet, until string) {
	o.dryRun.addFlag(f)
	addWaitFlags(f, &o.wait, &o.timeout, false, "Wait until "+until)
	f.StringVarP(&o.output, "output", "o", "", "Print the release (after the wait, if any) as json, yaml or name")
	f.StringSliceVar(&o.accept, "accept", nil, "Risks to take: unrouted, undersized, managed, unprotected")
}

func (o *writeOptions) validate() error {
	if err := o.dryRun.validate(); err != nil {
		return err
	}
	if o.wait && o.dryRun != "" {
		return usage("--wait can't be used with --dry-run: nothing would happen to wait for")
	}
	for _, risk := range o.accept {
		if err := oneOf("--accept", risk, string(intent.Unrouted), string(intent.Undersized), string(intent.Managed), string(intent.Unprotected)); err != nil {
			return err
		}
	}
	return oneOf("--output", o.output, "", "json", "yaml", "name")
}

// oneOf refuses a flag's value that is not among those.
func oneOf(flag, value string, legal ...string) error {
	if slices.Contains(legal, value) {
		return nil
	}
	legal = slices.DeleteFunc(slices.Clone(legal), func(s string) bool { return s == "" })
	return usage("%s %q is not known; write one of %s", flag, value, strings.Join(legal, ", "))
}

// takeRisks adds the accepted risks to those that stand there.
func (o *writeOptions) takeRisks(w words, d *unstructured.Unstructured) {
	if len(o.accept) == 0 {
		return
	}
	taken := strings.FieldsFunc(d.GetAnnotations()[intent.KeyAccept], func(r rune) bool { return r == ',' || r == ' ' })
	for _, risk := range o.accept {
		if !slices.Contains(taken, risk) {
			taken = append(taken, risk)
		}
	}
	w.set(intent.KeyAccept, strings.Join(taken, ","))
}

// change writes words for a running release, says what was done, and waits.
func (o *writeOptions) change(ctx context.Context, e *Env, f found, w words, done string, g goal) error {
	o.takeRisks(w, f.deployment)
	if _, faults := intent.Parse(w.on(f.deployment.GetAnnotations())); len(faults) > 0 {
		return inFlags(faults)
	}
	o.before = f.deployment.GetAnnotations()
	after, changed, err := e.annotate(ctx, f.deployment, w, o.dryRun)
	if err != nil {
		return err
	}
	if !changed {
		done = "unchanged"
	}
	if o.note != "" && o.dryRun == "" {
		e.Say("%s", o.note)
	}
	return o.report(ctx, e, f, after, done, g)
}

// report prints what a write has come to, after the wait if one is wanted.
func (o *writeOptions) report(ctx context.Context, e *Env, f found, after *unstructured.Unstructured, done string, g goal) error {
	structured := o.output == "json" || o.output == "yaml"
	switch {
	case o.dryRun != "" && structured && after != nil:
		return view.Object(e.Out, o.output, bare(after).Object)
	case o.dryRun != "" && structured: // the original is gone, and nothing would be written
		return view.Object(e.Out, o.output, f.status)
	}
	switch o.output {
	case "":
		if err := e.Print("release %s/%s %s%s", f.namespace(), f.task, done, o.dryRun.suffix()); err != nil {
			return err
		}
	case "name":
		if err := e.Print("%s", f.task); err != nil {
			return err
		}
	}
	if o.dryRun != "" {
		return o.showWords(e, after)
	}
	if o.wait {
		if _, err := e.await(ctx, f, g, o.timeout); err != nil {
			return err
		}
	}
	if structured {
		return e.printNow(ctx, f, o.output)
	}
	return nil
}

// showWords prints what a dry run would have written.
func (o *writeOptions) showWords(e *Env, after *unstructured.Unstructured) error {
	if o.output != "" || o.before == nil || after == nil {
		return nil
	}
	var out []string
	for _, key := range intent.Keys {
		was, had := o.before[key]
		value, has := after.GetAnnotations()[key]
		switch {
		case had && !has:
			out = append(out, key+": removed (it was "+inOneLine(was)+")")
		case has && (!had || value != was):
			text, err := yaml.Marshal(map[string]string{key: value})
			if err != nil {
				return fmt.Errorf("writing annotation %s: %w", key, err)
			}
			out = append(out, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return e.Print("annotations of Deployment %s/%s:\n  %s", after.GetNamespace(), after.GetName(), strings.Join(out, "\n  "))
}

// unchanged prints a release that has ended as the verb wants it.
func (o *writeOptions) unchanged(e *Env, f found, why string) error {
	switch o.output {
	case "name":
		return e.Print("%s", f.task)
	case "json", "yaml":
		return view.Object(e.Out, o.output, f.status)
	}
	return e.Print("release %s/%s unchanged: %s%s", f.namespace(), f.task, why, o.dryRun.suffix())
}

// printNow prints the release as it stands.
func (e *Env) printNow(ctx context.Context, f found, output string) error {
	r, err := e.follower(f).state(ctx)
	if err != nil {
		return err
	}
	return view.Object(e.Out, output, r.Whole())
}

// replicas reads the flag as the annotation wants it: auto, or a number.
func replicas(value string) (string, error) {
	if value == "auto" {
		return value, nil
	}
	if n, err := strconv.ParseInt(value, 10, 32); err != nil || n < 1 {
		return "", usage("--replicas %q is no number of replicas; write auto or a whole number from 1", value)
	}
	return value, nil
}
