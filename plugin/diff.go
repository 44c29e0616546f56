package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

func newDiff(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "diff TASK",
		Short: "Show what a release will change in the cluster",
		Long: `Show what a release will change in the cluster, as a unified diff: what render
prints against what is there. The exit status is 0 without a difference, 1 with
one, and more on failure.`,
		Example:           indent(e, `%[1]s diff reviews-v2`),
		Args:              exactly("TASK"),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			differs, err := e.diff(cmd.Context(), args[0])
			switch {
			case err != nil && codeOf(err) <= exitFailed:
				return coded{exitUsage, err} // 1 is a difference
			case err != nil:
				return err
			case differs:
				return coded{exitFailed, nil}
			}
			return nil
		},
	}
}

func (e *Env) diff(ctx context.Context, task string) (differs bool, err error) {
	objects, c, err := e.desired(ctx, task)
	if err != nil {
		return false, err
	}
	t := e.terminal(e.Out)
	for _, after := range objects {
		before := newObject(after.GetAPIVersion(), after.GetKind())
		err := c.Get(ctx, client.ObjectKeyFromObject(after), before)
		if apierrors.IsNotFound(err) {
			before = nil
		} else if err != nil {
			return false, fmt.Errorf("reading %s in namespace %s: %w", named(after), after.GetNamespace(), err)
		}
		text, err := unified(before, after)
		if err != nil {
			return false, err
		}
		if text == "" {
			continue
		}
		differs = true
		if _, err := fmt.Fprint(e.Out, colored(t, text)); err != nil {
			return differs, err
		}
	}
	return differs, nil
}

// unified gives the unified diff of an object; empty without a difference.
func unified(before, after *unstructured.Unstructured) (string, error) {
	path := after.GetNamespace() + "/" + named(after)
	d := difflib.UnifiedDiff{FromFile: "live/" + path, ToFile: "release/" + path, Context: 3}
	if before == nil {
		d.FromFile = "/dev/null"
	} else {
		text, err := toYAML([]*unstructured.Unstructured{before})
		if err != nil {
			return "", err
		}
		d.A = difflib.SplitLines(text)
	}
	text, err := toYAML([]*unstructured.Unstructured{after})
	if err != nil {
		return "", err
	}
	d.B = difflib.SplitLines(text)
	return difflib.GetUnifiedDiffString(d)
}

// colored paints a diff where colours are wanted.
func colored(t view.Terminal, diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		text := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(text, "---"), strings.HasPrefix(text, "+++"):
			text = t.Bold(text)
		case strings.HasPrefix(text, "-"):
			text = t.Red(text)
		case strings.HasPrefix(text, "+"):
			text = t.Green(text)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
