package content

import (
	"regexp"
	"slices"
	"strings"
)

// Request is what of a request rules look at.
type Request struct {
	Headers map[string][]string // by name in lower case, each line that came; HTTP/2's cookie lines joined by "; "
	Query   string              // as it stands in the URL, without the question mark
}

// Matches says whether the request is the rule's. It takes cookies and user
// agents apart by hand, independently of Compile.
func (r Rule) Matches(q Request) bool {
	if r.Cookie != nil && !slices.ContainsFunc(q.Headers["cookie"], r.Cookie.in) {
		return false
	}
	for name, match := range r.Headers {
		if !slices.ContainsFunc(q.values(name), match.holds) {
			return false
		}
	}
	for name, match := range r.Query {
		if value, ok := q.parameter(name); !ok || !match.holds(value) {
			return false
		}
	}
	agent := strings.Join(q.values("user-agent"), ",")
	return (len(r.OS) == 0 || slices.Contains(r.OS, OSOf(agent))) &&
		(len(r.Browser) == 0 || slices.Contains(r.Browser, BrowserOf(agent)))
}

// values are what Envoy compares for a header: each line, but one for user-agent,
// whose lines it joins. (It joins those of some more headers that have no business
// to be there twice.)
func (q Request) values(name string) []string {
	lines := q.Headers[name]
	if name == "user-agent" && len(lines) > 0 {
		return []string{strings.Join(lines, ",")}
	}
	return lines
}

// parameter is the first of that name, as it stands in the URL.
func (q Request) parameter(name string) (string, bool) {
	for _, part := range strings.Split(q.Query, "&") {
		if n, value, _ := strings.Cut(part, "="); n == name && part != "" {
			return value, true
		}
	}
	return "", false
}

// holds compares a whole value.
func (m Match) holds(value string) bool {
	switch m.Kind {
	case Exact:
		return value == m.Value
	case Prefix:
		return strings.HasPrefix(value, m.Value)
	case Regex:
		return regexp.MustCompile(`\A(?:` + m.Value + `)\z`).MatchString(bytewise(value))
	default:
		return true
	}
}

// in says whether one of a header's cookies is the one.
func (c Cookie) in(header string) bool {
	for _, pair := range strings.Split(header, ";") {
		if c.Name == "" {
			if c.Match.holdsAround(pair) {
				return true
			}
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if ok && strings.Trim(name, " \t") == c.Name && c.Match.holdsAround(value) {
			return true
		}
	}
	return false
}

// holdsAround compares a value whose surrounding white space may count or not.
func (m Match) holdsAround(value string) bool {
	bare := strings.TrimLeft(value, " \t")
	for start := 0; start <= len(value)-len(bare); start++ {
		for end := len(value); end >= start; end-- {
			if m.holds(value[start:end]) {
				return true
			}
			if end == start || !strings.HasSuffix(value[:end], " ") && !strings.HasSuffix(value[:end], "\t") {
				break
			}
		}
	}
	return false
}
