package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

type statusOptions struct {
	output string
	watch  bool
}

func newStatus(e *Env) *cobra.Command {
	o := statusOptions{}
	cmd := &cobra.Command{
		Use:   "status TASK",
		Short: "Show a release: its phase, its two versions, what it waits for",
		Long: `Show a release: its phase, its two versions, what it waits for, what is next.

The shares are read from the live routes. A release that is over is shown from
the Service's history.`,
		Example: indent(e, `
%[1]s status reviews-v2
%[1]s status svc/reviews -w
%[1]s status reviews-v2 -o json`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--output", o.output, "", "table", "wide", "json", "yaml", "name"); err != nil {
				return err
			}
			return o.run(cmd.Context(), e, args[0])
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Format: table, wide, json, yaml or name (default: a page)")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Show every change until the release is over")
	registerChoices(cmd, "output", "table", "wide", "json", "yaml", "name")
	return cmd
}

func (o *statusOptions) run(ctx context.Context, e *Env, task string) error {
	f, err := e.find(ctx, task)
	if f.unreadable != nil { // what can be told of it, and then the error
		return errors.Join(o.show(e, e.look(ctx, f), ""), err)
	}
	if err != nil {
		return err
	}
	if !o.watch {
		return o.show(e, e.look(ctx, f), "")
	}
	return o.follow(ctx, e, f)
}

// show prints the release; before goes in front of a page.
func (o *statusOptions) show(e *Env, r view.Release, before string) error {
	switch o.output {
	case "json", "yaml":
		if o.output == "yaml" && before != "" {
			if err := e.Print("---"); err != nil {
				return err
			}
		}
		return view.Object(e.Out, o.output, r.Whole())
	case "name":
		return e.Print("%s", r.Status.Task)
	case "table", "wide":
		return view.Table(e.Out, e.terminal(e.Out), []view.Release{r}, o.output == "wide", false)
	}
	var b strings.Builder
	b.WriteString(before)
	if err := view.Status(&b, e.terminal(e.Out), r); err != nil {
		return err
	}
	_, err := fmt.Fprint(e.Out, b.String())
	return err
}

// follow shows every change. On a terminal the page stays where it is and is
// written over; elsewhere one follows the other.
func (o *statusOptions) follow(ctx context.Context, e *Env, f found) error {
	const clear = "\x1b[H\x1b[2J"
	var last string
	first := true
	err := e.follower(f).run(ctx, func(r view.Release) (bool, error) {
		text, err := o.text(e, r)
		if err != nil || text == last {
			return r.Ended, err
		}
		before := ""
		switch {
		case e.terminal(e.Out).TTY && o.output == "":
			before = clear
		case !first:
			before = "\n"
		}
		last, first = text, false
		return r.Ended, o.show(e, r, before)
	})
	if errors.Is(err, context.Canceled) {
		return coded{exitInterrupt, nil}
	}
	return err
}

// text is the release without what changes by the clock alone.
func (o *statusOptions) text(e *Env, r view.Release) (string, error) {
	r.Now = time.Time{}
	var b strings.Builder
	if err := view.Status(&b, view.Terminal{Width: e.terminal(e.Out).Width}, r); err != nil {
		return "", err
	}
	return b.String(), nil
}
