// Package plugin is the command line of kubectl-grayscale: one verb a file. A
// verb that changes a release does it by annotating the original Deployment, so
// what the plugin can do, kubectl annotate and Git can do too.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Main runs the program and gives its exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Libraries log what every command reports itself.
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return Run(ctx, NewEnv(called(os.Args[0]), streams), os.Args[1:])
}

// called is how a user types the program's name.
func called(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	rest, ok := strings.CutPrefix(name, "kubectl-")
	if !ok {
		return name
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		return name // nothing to be a plugin of
	}
	return "kubectl " + rest
}

// Run runs one command line and gives its exit status.
func Run(ctx context.Context, e *Env, args []string) int {
	root := Root(e)
	root.SetArgs(args)
	verb, err := root.ExecuteContextC(ctx)
	var c coded
	switch {
	case err == nil || errors.As(err, &c) && c.err == nil:
	case codeOf(err) == exitInterrupt:
		e.Say("%v", err) // the user's own wish
	default:
		t := e.terminal(e.ErrOut)
		e.Say("%s %v", t.Red("error:"), unreachable(err))
		if errors.As(err, &misused{}) {
			e.Say("%s", t.Dim(fmt.Sprintf("See '%s --help'.", verb.CommandPath())))
		}
	}
	return codeOf(err)
}

// Root gives the whole command tree.
func Root(e *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   strings.ReplaceAll(e.Called, " ", "-"),
		Short: "Canary releases on Istio, on the Deployments and routes that you have",
		Long: `Canary releases on Istio, on the Deployments and routes that you have.

A release runs a second version of a Deployment beside the original, gives it
the share of the traffic that you say, and ends with one of the two. Your
Deployment, Service and routes stay yours: when the release is over, nothing of
it is left in them.`,
		Example: indent(e, `
%[1]s create --service reviews --image v2 --finish replace --wait
%[1]s policy reviews-v2 --weight 10 --wait
%[1]s status reviews-v2 -w
%[1]s takeover reviews-v2 --wait
%[1]s finish reviews-v2 --wait`),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: e.Called},
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetOut(e.Out)
	root.SetErr(e.ErrOut)
	root.SetIn(e.In)
	root.SetFlagErrorFunc(flagError)
	cobra.AddTemplateFunc("tidy", func(usages string) string { return tidy(usages, e.terminal(e.Out)) })
	root.SetUsageTemplate(usageTemplate)
	root.CompletionOptions.DisableDefaultCmd = true
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	e.addConfigFlags(root.PersistentFlags())
	root.PersistentFlags().BoolP("help", "h", false, "Show this help")
	root.AddGroup(&cobra.Group{ID: "release", Title: "Releases:"}, &cobra.Group{ID: "look", Title: "Looking:"}, &cobra.Group{ID: "cluster", Title: "The cluster:"})
	add := func(group string, verbs ...*cobra.Command) {
		for _, verb := range verbs {
			verb.GroupID = group
			root.AddCommand(verb)
		}
	}
	add("release", newCreate(e), newPolicy(e), newTakeover(e), newFinish(e), newCancel(e))
	add("look", newStatus(e), newList(e), newWait(e), newHistory(e), newServices(e), newRender(e), newDiff(e))
	add("cluster", newInstall(e), newUninstall(e), newVersion(e), newCompletion(e))
	addHelp(root)
	return root
}

// knownVerb refuses what is no verb, and says what it may have been.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("%q is not a verb of %s", args[0], cmd.DisplayName())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return usage("%s", message)
}

// flagError makes a usage error of a flag that can't be read, and says what an
// unknown one may have been.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage("%s: %w", cmd.CommandPath(), err)
	}
	near, best := "", 0.6 // less alike than this is no help
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if ratio := alike(unknown.GetSpecifiedName(), f.Name); ratio > best {
			near, best = f.Name, ratio
		}
	})
	if near == "" {
		return usage("%s: %w", cmd.CommandPath(), err)
	}
	return usage("%s: %w; did you mean --%s?", cmd.CommandPath(), err, near)
}

// alike is how much two words have in common, 0 to 1.
func alike(a, b string) float64 {
	return difflib.NewMatcher(strings.Split(a, ""), strings.Split(b, "")).Ratio()
}

// indent sets an example as cobra's help wants it, with %[1]s for the program.
func indent(e *Env, example string) string {
	lines := strings.Split(strings.TrimSpace(fmt.Sprintf(example, e.Called)), "\n")
	return "  " + strings.Join(lines, "\n  ")
}

// exactly refuses any other number of arguments, naming those that are wanted.
func exactly(names ...string) cobra.PositionalArgs {
	return between(len(names), names...)
}

// between refuses fewer arguments than least and more than there are names.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s: %s is missing", cmd.CommandPath(), names[len(args)])
		case len(args) > len(names):
			return usage("%s: %q is one argument too many", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}
