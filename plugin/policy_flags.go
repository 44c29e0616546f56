package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// policyFlags say which traffic the grayscale version gets.
type policyFlags struct {
	weight, mirror string
	match          []string // a rule each
	matchFile      string
	rules          []content.Rule // of match and matchFile, once read
	flags          *pflag.FlagSet
}

func (p *policyFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	p.flags = f
	f.StringVar(&p.weight, "weight", "", "Share of the traffic in percent, 0 to 100, up to two decimals")
	// An array, for a rule may hold commas.
	f.StringArrayVar(&p.match, "match", nil, `Requests that all go to the grayscale version, such as "cookie:User=Internal" or "header:end-user=jason && os:iOS"; several are ORed`)
	f.StringVar(&p.matchFile, "match-file", "", "File with such rules, in the annotation's YAML; - is stdin")
	f.StringVar(&p.mirror, "mirror", "", "Share of the original's requests that are copied to the grayscale version, in percent; needs weight 0")
	register(cmd, "match", completeRule)
}

// completeRule completes how a rule can begin.
func completeRule(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"cookie:", "header:", "query:", "os:", "browser:"}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// given says whether any of them was.
func (p *policyFlags) given() bool {
	return p.weight != "" || p.mirror != "" || p.matches()
}

// matches says whether rules were given.
func (p *policyFlags) matches() bool { return len(p.match) > 0 || p.matchFile != "" }

// validate reads them as the annotations want them.
func (p *policyFlags) validate(e *Env) (err error) {
	for name, share := range map[string]*string{"weight": &p.weight, "mirror": &p.mirror} {
		if !p.flags.Changed(name) {
			continue
		}
		if *share, err = percent("--"+name, *share); err != nil {
			return err
		}
	}
	if p.matchFile != "" {
		text, err := e.readText("--match-file", p.matchFile)
		if err != nil {
			return err
		}
		rules, faults := content.Parse(text)
		if len(faults) > 0 {
			var all []error
			for _, f := range faults {
				all = append(all, f)
			}
			return usage("--match-file %s:\n%s", p.matchFile, bullets(errors.Join(all...).Error()))
		}
		p.rules = rules
	}
	for _, flag := range p.match {
		rule, err := content.ParseFlag(flag)
		if err != nil {
			return usage("--match %q: %w", flag, err)
		}
		p.rules = append(p.rules, rule)
	}
	return nil
}

// words are the annotations that stand for the flags. No mirror is none written.
func (p *policyFlags) words() words {
	w := words{}
	if p.weight != "" {
		w.set(intent.KeyWeight, p.weight)
	}
	if p.matches() {
		w.set(intent.KeyMatch, content.Format(p.rules))
	}
	switch p.mirror {
	case "":
	case "0":
		w.remove(intent.KeyMirror)
	default:
		w.set(intent.KeyMirror, p.mirror)
	}
	return w
}

// String says what they ask for: "10% of the traffic, …".
func (p *policyFlags) String() string {
	var parts []string
	if p.weight != "" {
		parts = append(parts, p.weight+"% of the traffic")
	}
	if p.matches() {
		var rules []string
		for _, r := range p.rules {
			rules = append(rules, r.String())
		}
		parts = append(parts, "the requests with "+strings.Join(rules, " or "))
	}
	switch p.mirror {
	case "":
	case "0":
		parts = append(parts, "no copies of requests")
	default:
		parts = append(parts, "copies of "+p.mirror+"% of the original's requests")
	}
	return strings.Join(parts, ", ")
}

// percent reads a share as the annotation wants it. A percent sign is what
// people write, too.
func percent(flag, value string) (string, error) {
	w, err := intent.ParseWeight(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "%")))
	if err != nil {
		return "", usage("%s %q is no share of the traffic: write a percentage from 0 to 100 with at most two decimals, such as 12.5", flag, value)
	}
	return w.String(), nil
}

// noneEmpty refuses a flag that was given without a value, as a script does
// whose variable is not set: left out, it would mean something else.
func noneEmpty(f *pflag.FlagSet) error {
	var empty error
	f.Visit(func(flag *pflag.Flag) {
		share := flag.Name == "weight" || flag.Name == "mirror" // of which percent says more
		if empty == nil && flag.Value.Type() == "string" && flag.Value.String() == "" && !share {
			empty = usage("--%s is empty: write its value, or leave the flag out", flag.Name)
		}
	})
	return empty
}

// readText reads a small file that a flag names; - is stdin.
func (e *Env) readText(flag, path string) (string, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(e.In)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", flag, err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return "", usage("%s %s is empty", flag, path)
	}
	return string(text), nil
}
