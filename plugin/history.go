package plugin

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

type historyOptions struct {
	output string
	all    bool
}

func newHistory(e *Env) *cobra.Command {
	o := historyOptions{}
	cmd := &cobra.Command{
		Use:   "history [SERVICE]",
		Short: "List the releases that have ended, newest first",
		Long: `List the releases that have ended, newest first: of one Service, or of all.

A Service keeps its last ten.`,
		Example: indent(e, `
%[1]s history
%[1]s history reviews -o wide`),
		Args:              between(0, "SERVICE"),
		ValidArgsFunction: e.completeNames("", false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--output", o.output, "", "table", "wide", "json", "yaml", "name"); err != nil {
				return err
			}
			service := ""
			if len(args) == 1 {
				if o.all {
					return usage("SERVICE is one of a namespace; it can't be used with --all-namespaces")
				}
				service = strings.TrimPrefix(strings.TrimPrefix(args[0], "svc/"), "service/")
			}
			return o.run(cmd.Context(), e, service)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Format: table (default), wide, json, yaml or name")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "In all namespaces")
	registerChoices(cmd, "output", "table", "wide", "json", "yaml", "name")
	return cmd
}

func (o *historyOptions) run(ctx context.Context, e *Env, service string) error {
	namespace := ""
	if !o.all {
		var err error
		if namespace, err = e.Namespace(); err != nil {
			return err
		}
	}
	s, err := e.scene(ctx, namespace)
	if err != nil {
		return err
	}
	if service != "" && s.service(namespace, service) == nil {
		return fmt.Errorf("no Service %s/%s; there are: %s", namespace, service, names(s.services))
	}
	var ended []outcome
	for _, f := range s.ended() {
		if service == "" || f.service.GetName() == service {
			ended = append(ended, outcome{f.namespace(), f.service.GetName(), f.status.Entry()})
		}
	}
	if len(ended) == 0 && (o.output == "" || o.output == "table" || o.output == "wide") {
		e.Say("No release %s has ended.", where(namespace, service))
		return nil
	}
	return o.print(e, ended)
}

// outcome is a release of the history: what is kept of it, and where it was.
type outcome struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	release.Entry
}

// where says what a history is of.
func where(namespace, service string) string {
	switch {
	case service != "":
		return "of Service " + namespace + "/" + service
	case namespace != "":
		return "in namespace " + namespace
	}
	return "in any namespace"
}

func (o *historyOptions) print(e *Env, ended []outcome) error {
	switch o.output {
	case "json", "yaml":
		return view.Object(e.Out, o.output, map[string]any{"items": append([]outcome{}, ended...)})
	case "name":
		for _, p := range ended {
			if err := e.Print("%s", p.Task); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{{"TASK", "SERVICE", "ENDED AS", "VERSIONS", "ENDED", "TOOK"}}
	if o.output == "wide" {
		rows[0] = append(rows[0], "BY", "MESSAGE")
	}
	for _, p := range ended {
		row := []string{p.Task, p.Service, string(p.Phase), p.From + "->" + p.To, view.Age(e.Now(), p.Ended), view.Age(p.Ended, p.Started)}
		if o.all {
			row[1] = p.Namespace + "/" + p.Service
		}
		if row[3] == "->" { // nobody knows
			row[3] = "-"
		}
		if o.output == "wide" {
			row = append(row, cmp.Or(p.By, "-"), cmp.Or(p.Message, "-"))
		}
		rows = append(rows, row)
	}
	t := e.terminal(e.Out)
	if t.Bounded && o.output != "wide" {
		rows = view.Narrow(rows, t.Width, []string{"VERSIONS"}, nil)
	}
	return view.Rows(e.Out, t, o.output == "wide", rows)
}
