package plugin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
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

// tidy leaves out of the flags' usage what goes without saying, and aligns it.
func tidy(usages string) string {
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
			lines[n] = fmt.Sprintf("%-*s  %s", widest, parts[1], parts[2])
		}
	}
	return strings.Join(lines, "\n")
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
