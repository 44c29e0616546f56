package plugin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// everyday are the connection flags that the help shows. The others are those
// of kubectl, and work here, too.
var everyday = []string{"namespace", "context", "kubeconfig"}

// addConfigFlags adds kubectl's own flags that say which cluster and who.
func (e *Env) addConfigFlags(f *pflag.FlagSet) {
	e.flags.AddFlags(f)
	f.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = !slices.Contains(everyday, flag.Name)
	})
	f.Lookup("namespace").Usage = "Namespace (default: that of the context)"
	f.Lookup("context").Usage = "Context of the kubeconfig"
	f.Lookup("kubeconfig").Usage = "Path of the kubeconfig"
}

var flagLine = regexp.MustCompile(`^( +(?:-\w, )?--\S+(?: \S+)?) {2,}(.*)$`)

// addHelp adds cobra's help verb, in our words, and with a refusal of what is no verb.
func addHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Use, help.Short, help.Long = "help [VERB]", "Show the help of a verb", ""
	help.Args = func(_ *cobra.Command, args []string) error {
		_, rest, err := root.Find(args)
		if err != nil {
			return err
		}
		return knownVerb(root, rest)
	}
}

// tidy leaves out of the flags' usage what goes without saying, aligns it, and keeps it
// to the terminal's width.
func tidy(usages string, t view.Terminal) string {
	for _, noise := range []string{"[=true|false]", `[="client"]`} {
		usages = strings.ReplaceAll(usages, noise, "")
	}
	lines := strings.Split(strings.TrimRight(usages, " \n"), "\n")
	widest := 0
	for _, line := range lines {
		if parts := flagLine.FindStringSubmatch(line); parts != nil {
			widest = max(widest, len(parts[1]))
		}
	}
	for n, line := range lines {
		if parts := flagLine.FindStringSubmatch(line); parts != nil {
			lines[n] = described(parts[1], parts[2], widest+2, t)
		}
	}
	return strings.Join(lines, "\n")
}

// described is a flag's line; what has no room beside it stands under it.
func described(flag, text string, column int, t view.Terminal) string {
	const room, under = 40, 10
	first := fmt.Sprintf("%-*s", column, flag)
	if !t.Bounded || utf8.RuneCountInString(first+text) <= t.Width {
		return first + text
	}
	if t.Width-column < room {
		column = under
		first = flag + "\n" + strings.Repeat(" ", column)
	}
	return first + strings.Join(view.Wrap(text, t.Width-column), "\n"+strings.Repeat(" ", column))
}

// usageTemplate is cobra's, shorter.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} VERB{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | tidy}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every verb, beside kubectl's others for the connection:
{{.InheritedFlags.FlagUsages | tidy}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} VERB --help" says more about a verb.{{end}}
`
