package content_test

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// judge evaluates conditions as Envoy does: RE2 over bytes, of the whole value;
// each line of a header for itself, but user-agent's joined; a header of
// withoutHeaders that is missing counts as empty; the first query parameter of a
// name, as it stands in the URL.
type judge struct {
	conditions content.Compiled
	regexes    map[string]*regexp.Regexp
}

func newJudge(c content.Compiled) judge {
	j := judge{c, map[string]*regexp.Regexp{}}
	for _, alternative := range c {
		for _, condition := range alternative {
			if condition.Match.Kind == content.Regex {
				j.regexes[condition.Match.Value] = regexp.MustCompile(`\A(?:` + latin1(condition.Match.Value) + `)\z`)
			}
		}
	}
	return j
}

// envoy judges one request.
func envoy(c content.Compiled, q content.Request) bool { return newJudge(c).matches(q) }

func (j judge) matches(q content.Request) bool {
	return slices.ContainsFunc(j.conditions, func(a content.Alternative) bool {
		return !slices.ContainsFunc(a, func(c content.Condition) bool { return !j.holds(c, q) })
	})
}

func (j judge) holds(c content.Condition, q content.Request) bool {
	var values []string
	if c.In == content.Query {
		for _, part := range strings.Split(q.Query, "&") {
			if name, value, _ := strings.Cut(part, "="); part != "" && name == c.Name {
				values = []string{value}
				break
			}
		}
	} else if values = q.Headers[c.Name]; c.Name == "user-agent" && len(values) > 0 {
		values = []string{strings.Join(values, ",")}
	}
	if c.Not && len(values) == 0 {
		values = []string{""}
	}
	return c.Not != slices.ContainsFunc(values, func(v string) bool { return j.compare(c.Match, v) })
}

func (j judge) compare(m content.Match, v string) bool {
	switch m.Kind {
	case content.Exact:
		return v == m.Value
	case content.Prefix:
		return strings.HasPrefix(v, m.Value)
	case content.Regex:
		return j.regexes[m.Value].MatchString(latin1(v))
	default:
		return true
	}
}

func latin1(s string) string {
	runes := make([]rune, len(s))
	for n := range len(s) {
		runes[n] = rune(s[n])
	}
	return string(runes)
}
