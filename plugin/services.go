package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

type servicesOptions struct {
	output string
	all    bool
}

func newServices(e *Env) *cobra.Command {
	o := servicesOptions{}
	cmd := &cobra.Command{
		Use:     "services",
		Aliases: []string{"service", "svc"},
		Short:   "List the Services: free, busy, or why not",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", o.output, "", "table", "wide", "json", "yaml", "name"); err != nil {
				return err
			}
			return o.run(cmd.Context(), e)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Format: table (default), wide, json, yaml or name (of those that can be released)")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "In all namespaces")
	registerChoices(cmd, "output", "table", "wide", "json", "yaml", "name")
	return cmd
}

// short is the first of several reasons.
func short(why []string) string {
	switch len(why) {
	case 0:
		return ""
	case 1:
		return why[0]
	}
	return fmt.Sprintf("%s (and %d more: -o yaml)", why[0], len(why)-1)
}

// standing is what can be done with a Service.
type standing struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	State     string   `json:"state"` // free, busy or unfit
	Task      string   `json:"task,omitempty"`
	Workloads []string `json:"workloads,omitempty"`
	Why       []string `json:"why,omitempty"`
}

const (
	free  = "free"
	busy  = "busy"
	unfit = "unfit"
)

func (o *servicesOptions) run(ctx context.Context, e *Env) error {
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
	judge, err := e.judge(ctx, s)
	if err != nil {
		return err
	}
	judge.confess(e)
	out := []standing{}
	for _, service := range s.services {
		standing, err := judge.of(ctx, service)
		if err != nil {
			return err
		}
		if standing.State == busy && judge.down != "" {
			standing.Why = []string{e.busyWith(ctx, s, service, judge)}
		}
		out = append(out, standing)
	}
	slices.SortFunc(out, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return o.print(e, namespace, out)
}

// busyWith says how the release that holds a Service stands while no controller
// writes it down.
func (e *Env) busyWith(ctx context.Context, s scene, service *unstructured.Unstructured, j judge) string {
	running := s.running()
	r := e.lookAs(ctx, running[slices.IndexFunc(running, func(f found) bool { return f.claimed && f.service == service })], j.settings, j.down)
	if r.ByHand {
		return r.Phase() + ": " + r.Sentence()
	}
	return r.Phase() + ": " + r.Sentence() + "; " + r.Note()
}

func (o *servicesOptions) print(e *Env, namespace string, list []standing) error {
	switch o.output {
	case "json", "yaml":
		return view.Object(e.Out, o.output, map[string]any{"items": list})
	case "name":
		for _, s := range list {
			if s.State == free {
				if err := e.Print("service/%s", s.Name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if len(list) == 0 {
		e.Say("There is no Service in %s.", cmp.Or(namespace, "any namespace"))
		return nil
	}
	rows := [][]string{{"SERVICE", "STATE", "TASK", "WORKLOADS", "WHY"}}
	for _, s := range list {
		row := []string{s.Name, s.State, cmp.Or(s.Task, "-"), cmp.Or(strings.Join(s.Workloads, ","), "-"), cmp.Or(short(s.Why), "-")}
		if o.all {
			row[0] = s.Namespace + "/" + s.Name
		}
		rows = append(rows, row)
	}
	t := e.terminal(e.Out)
	if t.Bounded && o.output != "wide" {
		rows = view.Narrow(rows, t.Width, nil, []string{"WORKLOADS"})
	}
	return view.Rows(e.Out, t, o.output == "wide", rows)
}
