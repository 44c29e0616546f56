package content

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a list of rules. An annotation is read at every write and every
// condition is paid for at every request.
const (
	MaxBytes      = 4096 // of the annotation, and of one flag
	MaxRules      = 16   // in a list
	MaxConditions = 16   // in a rule; os and browser are one each
)

// faults says what is wrong with a rule, with paths relative to it.
func (r Rule) faults() []Fault {
	var out []Fault
	n := len(r.Headers) + len(r.Query) + min(len(r.OS), 1) + min(len(r.Browser), 1)
	if r.Cookie != nil {
		n++
		out = append(out, r.Cookie.faults()...)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		at := "headers." + name
		out = append(append(out, headerName(at, name)...), r.Headers[name].faults(at)...)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		at := "query." + name
		out = append(append(out, queryName(at, name)...), r.Query[name].queryFaults(at)...)
	}
	out = append(out, listed("os", r.OS, OSes)...)
	out = append(out, listed("browser", r.Browser, Browsers)...)
	switch {
	case n == 0 && len(out) == 0:
		out = append(out, Fault{Why: "says nothing", Right: "write at least one of cookie, headers, query, os, browser"})
	case n > MaxConditions:
		out = append(out, Fault{Why: fmt.Sprintf("has %d conditions", n), Right: fmt.Sprintf("write %d at most", MaxConditions)})
	}
	return out
}

func (c Cookie) faults() []Fault {
	switch {
	case c.Name == "" && c.Match.Kind != Regex:
		return []Fault{{At: "cookie.name", Why: "is missing", Right: "write the cookie's name, or a regex for whole name=value pairs"}}
	case c.Name != "" && !token(c.Name):
		return []Fault{{At: "cookie.name", Value: c.Name, Why: "is no cookie name", // RFC 6265, section 4.1.1
			Right: "write letters, digits and any of !#$%&'*+-.^_`| (cookies with ~ or a ^ at the end can be said by a regex without a name)"}}
	}
	if out := c.Match.faults("cookie"); len(out) > 0 {
		return out
	}
	if c.Match.Kind != Regex && strings.Contains(c.Match.Value, ";") {
		return []Fault{{At: "cookie", Value: c.Match.Value, Why: "has a ; which ends a cookie, so that no value has one", Right: "write the value of one cookie"}}
	}
	return c.compiledFaults()
}

// headerName allows what RFC 9110, section 5.1, and Istio do, but for the names
// that Istio takes for something else, and for what a flag can't say.
func headerName(at, name string) []Fault {
	fault := func(why, right string) []Fault {
		return []Fault{{At: at, Value: name, Why: why, Right: right}}
	}
	switch {
	case strings.HasPrefix(name, ":"):
		return fault("is a pseudo-header, not a header", "name a header; host is one")
	case strings.HasPrefix(name, "@request.auth"):
		return fault("is a claim of a token, which only a gateway sees", "name a header")
	case slices.Contains([]string{"uri", "scheme", "method", "authority"}, name):
		return fault("is a key that Istio ignores among headers", "name another header; host is what authority is")
	case !token(name):
		return fault("is no header name", "write letters, digits and any of !#$%&'*+-.^_`| (no ^ at the end)")
	}
	return nil
}

// token says whether s is a token of RFC 9110, section 5.6.2, that the flag's
// syntax can say: without ~, which begins a regular expression there, and
// without a last ^, which would make a following = a prefix.
func token(s string) bool {
	for _, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|", r) {
			return false
		}
	}
	return s != "" && !strings.HasSuffix(s, "^")
}

func queryName(at, name string) []Fault {
	if name == "" || strings.ContainsAny(name, "&=#~ ") || strings.HasSuffix(name, "^") || !printable(name) {
		return []Fault{{At: at, Value: name, Why: "is no name of a query parameter",
			Right: "write it as it stands in the URL, percent-encoded, without any of & = # ~ or a ^ at the end"}}
	}
	return nil
}

// printable says whether s is ASCII without control characters: what a URL holds.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func (m Match) queryFaults(at string) []Fault {
	out := m.faults(at)
	if len(out) == 0 && m.Kind != Regex && (strings.ContainsAny(m.Value, "&# ") || !printable(m.Value)) {
		out = append(out, Fault{At: at, Value: m.Value, Why: "can't be a query parameter's value: Envoy compares it as it stands in the URL",
			Right: "write it percent-encoded, a space as %20 or + as the callers send it"})
	}
	return out
}

// faults are those of any value in an HTTP header.
func (m Match) faults(at string) []Fault {
	fault := func(why, right string) []Fault {
		return []Fault{{At: at, Value: m.Value, Why: why, Right: right}}
	}
	switch m.Kind {
	case Present:
		if m.Value != "" {
			return fault("is a value beside present", "leave one of them out")
		}
		return nil
	case Prefix, Regex:
		if m.Value == "" {
			return fault("is an empty "+string(m.Kind), "write present: true for any value")
		}
	case Exact:
	default:
		return fault(fmt.Sprintf("is compared by %q", m.Kind), "use exact, prefix, regex or present")
	}
	switch {
	case !utf8.ValidString(m.Value):
		return fault("is not UTF-8", "write text")
	case strings.ContainsFunc(m.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return fault("has a control character, which no header can hold", "remove it")
	case strings.Contains(m.Value, " && ") || strings.HasSuffix(m.Value, " &&"):
		return fault("has && after a space, which joins conditions in a flag", "write a regex with &{2} in its place")
	case glued.MatchString(m.Value): // no flag could say it
		return fault(gluedWhy, gluedRight)
	case m.Kind == Regex:
		return regexFaults(at, m.Value)
	case m.Value != strings.TrimLeft(m.Value, " \t"), m.Kind == Exact && m.Value != strings.TrimRight(m.Value, " \t"):
		return fault("has white space at an end, where HTTP drops it", "remove it")
	}
	return nil
}

// listed checks the values of os or browser against those that there are.
func listed(at string, values, legal []string) []Fault {
	var out []Fault
	for n, value := range values {
		switch {
		case !slices.Contains(legal, value):
			right := "write any of " + strings.Join(legal, ", ")
			for _, l := range legal {
				if strings.EqualFold(l, value) {
					right = "write " + l
				}
			}
			out = append(out, Fault{At: at, Value: value, Why: "is none that we know", Right: right})
		case slices.Contains(values[:n], value):
			out = append(out, Fault{At: at, Value: value, Why: "stands twice", Right: "write it once"})
		}
	}
	return out
}

// inOrder sorts values as they stand in legal, so that equal rules are equal.
func inOrder(values, legal []string) []string {
	slices.SortFunc(values, func(a, b string) int { return slices.Index(legal, a) - slices.Index(legal, b) })
	return values
}
