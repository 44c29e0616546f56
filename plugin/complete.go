package plugin

import (
	"slices"

	"github.com/spf13/cobra"
)

// completeTask completes the names of the running releases.
func (e *Env) completeTask(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace, err := e.Namespace()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	s, err := e.scene(cmd.Context(), namespace)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, f := range s.running() {
		names = append(names, cobra.CompletionWithDesc(f.task, string(f.status.Phase)+", Service "+f.status.Service.Name))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNames completes the names of the namespace's Services or Deployments.
func (e *Env) completeNames(prefix string, deployments bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		namespace, err := e.Namespace()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		s, err := e.scene(cmd.Context(), namespace)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		objects := s.services
		if deployments {
			objects = s.deployments
		}
		var names []string
		for _, u := range objects {
			names = append(names, prefix+u.GetName())
		}
		slices.Sort(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// registerChoices completes a flag with fixed values.
func registerChoices(cmd *cobra.Command, flag string, values ...string) {
	register(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func register(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // a flag that the line above did not add
	}
}
