package plugin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

type listOptions struct {
	output     string
	all, watch bool
}

func newList(e *Env) *cobra.Command {
	o := listOptions{}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "get"},
		Short:   "List the releases that run",
		Example: indent(e, `
%[1]s list -A
%[1]s list -w
%[1]s list -o name`),
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", o.output, "", "table", "wide", "json", "yaml", "name"); err != nil {
				return err
			}
			return o.run(cmd.Context(), e)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Format: table (default), wide, json, yaml or name")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "In all namespaces")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Go on with every change")
	registerChoices(cmd, "output", "table", "wide", "json", "yaml", "name")
	return cmd
}

func (o *listOptions) run(ctx context.Context, e *Env) error {
	namespace := ""
	if !o.all {
		var err error
		if namespace, err = e.Namespace(); err != nil {
			return err
		}
	}
	if !o.watch {
		_, err := o.show(ctx, e, namespace, nil)
		return err
	}
	changes, stop, err := e.watch(ctx, watched{"v1", "Service", namespace, nil}, watched{"apps/v1", "Deployment", namespace, nil})
	if err != nil {
		return err
	}
	defer stop()
	var last []string
	for {
		if last, err = o.show(ctx, e, namespace, last); err != nil {
			return o.stopped(err)
		}
		for err = errStalled; errors.Is(err, errStalled); {
			err = next(ctx, changes)
		}
		if err != nil {
			return o.stopped(err)
		}
	}
}

// stopped ends a watch quietly when the user ends it.
func (o *listOptions) stopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return coded{exitInterrupt, nil}
	}
	return err
}

// show prints the releases; in a watch, last are the rows of the time before,
// and only what is new is printed.
func (o *listOptions) show(ctx context.Context, e *Env, namespace string, last []string) ([]string, error) {
	s, err := e.scene(ctx, namespace)
	if err != nil {
		return nil, err
	}
	releases := e.lookAll(ctx, s.running())
	switch o.output {
	case "json", "yaml":
		return nil, view.Object(e.Out, o.output, items(releases))
	case "name":
		for _, r := range releases {
			if err := e.Print("%s", r.Status.Task); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return o.table(e, namespace, releases, last)
}

// lookAll gives releases as the controller wrote them down, which it does
// whenever one changes. While it is down each is looked at instead; so is one
// that holds nothing yet, for only a look tells why.
func (e *Env) lookAll(ctx context.Context, running []found) (releases []view.Release) {
	if len(running) == 0 {
		return nil
	}
	set, down := e.settings(ctx)
	for _, f := range running {
		r := view.Release{Namespace: f.namespace(), Status: f.status, Claimed: f.claimed, Unreadable: f.unread(), Down: down, Now: e.Now()}
		if (down != "" || !f.claimed) && f.broken == nil {
			r = e.lookAs(ctx, f, set, down)
		}
		releases = append(releases, r)
	}
	return releases
}

func (o *listOptions) table(e *Env, namespace string, releases []view.Release, last []string) ([]string, error) {
	wide, t := o.output == "wide", e.terminal(e.Out)
	var err error
	switch {
	case last != nil:
	case len(releases) == 0 && o.all:
		e.Say("No release runs in any namespace.")
	case len(releases) == 0:
		e.Say("No release runs in namespace %s.", namespace)
	case o.watch: // with all columns, for so come the lines that follow
		err = view.Rows(e.Out, t, wide, view.Lines(releases, wide, o.all))
	default:
		err = view.Table(e.Out, t, releases, wide, o.all)
	}
	if err != nil {
		return nil, err
	}
	now := []string{} // not nil: the first table has been printed
	rows := [][]string{}
	for _, r := range releases {
		row := view.Row(r, wide, o.all)
		r.Now = r.Status.Started // its age is no change
		mark := strings.Join(view.Row(r, true, true), "\x00")
		now = append(now, mark)
		if last != nil && !slices.Contains(last, mark) {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		return now, view.Rows(e.Out, t, wide, rows)
	}
	return now, nil
}

// item is a release in a list: its status, where it is, and what it must not hide.
type item struct {
	Namespace string `json:"namespace"`
	Note      string `json:"note,omitempty"`
	*release.Status
}

func items(releases []view.Release) map[string]any {
	out := make([]item, len(releases))
	for n, r := range releases {
		out[n] = item{r.Namespace, r.Note(), r.Whole()}
	}
	return map[string]any{"items": out}
}
