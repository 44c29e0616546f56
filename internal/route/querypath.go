package route

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// longestRegex is Istio's limit, in bytes.
// https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go (validateStringRegexp)
const longestRegex = 1024

// queryInPath gives a regular expression of the whole :path that says the same
// as a condition on a query parameter: of several with the name, Envoy takes the
// first, and it decodes nothing.
// https://github.com/envoyproxy/envoy/blob/main/source/common/http/utility.cc (parseParameters)
func queryInPath(name string, m content.Match) (string, error) {
	var value string
	switch m.Kind {
	case content.Exact:
		value = "=" + regexp.QuoteMeta(m.Value)
		if m.Value == "" {
			value = "=?" // a name without "=" has the empty value
		}
	case content.Prefix:
		value = "=" + regexp.QuoteMeta(m.Value) + "[^&]*"
	case content.Present:
		value = "(?:=[^&]*)?"
	default:
		return "", fmt.Errorf("the route restricts query parameter %q already, and Istio can't say a regular expression %q on it beside that: write exact or prefix, or take the condition out of the route", name, m.Value)
	}
	regex := `[^?]*\?(?:` + unlike(name) + `(?:=[^&]*)?&)*` + regexp.QuoteMeta(name) + value + `(?:&.*)?`
	if len(regex) > longestRegex {
		return "", fmt.Errorf("the route restricts query parameter %q already, and saying both takes a regular expression of %d characters, above Istio's %d: write a shorter name or value, or take the condition out of the route", name, len(regex), longestRegex)
	}
	return regex, nil
}

// unlike is a regular expression of every parameter name but this one. RE2 has
// no "not": so the name is followed letter by letter, and left at each.
func unlike(name string) string {
	const other = `[^&=]*`
	letters := []rune(name)
	out := `[^&=]+` // longer than the name
	for n := len(letters) - 1; n >= 0; n-- {
		quoted := regexp.QuoteMeta(string(letters[n]))
		class := `[^&=` + strings.NewReplacer(`\`, `\\`, `]`, `\]`, `^`, `\^`, `-`, `\-`, `[`, `\[`).Replace(string(letters[n])) + `]`
		out = `(?:|` + class + other + `|` + quoted + out + `)`
	}
	return out
}
