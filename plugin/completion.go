package plugin

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// shells are the generators of completion scripts.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash":       func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
}

func newCompletion(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script: bash, zsh, fish or powershell",
		Long: `Print a completion script for bash, zsh, fish or powershell. It completes verbs,
flags, and the names of releases, Services and Deployments.

The script is for kubectl-grayscale. Called as kubectl grayscale, kubectl
completes, by a program on PATH that is named kubectl_complete-grayscale:

  #!/bin/sh
  exec kubectl-grayscale __complete "$@"`,
		Example:           "  source <(kubectl-grayscale completion bash)\n  kubectl-grayscale completion fish | source",
		Args:              exactly("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions([]string{"bash", "zsh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			generate := shells[args[0]]
			if generate == nil {
				return usage("SHELL %q is not known; write bash, zsh, fish or powershell", args[0])
			}
			if err := generate(cmd.Root(), e.Out); err != nil {
				return fmt.Errorf("writing the completion script: %w", err)
			}
			return nil
		},
	}
}
