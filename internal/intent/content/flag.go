package content

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// and joins conditions in a flag.
const and = " && "

// glued is an && that was meant to join conditions, and would be part of a value.
var glued = regexp.MustCompile(`&&\s*(cookie|header|query|os|browser):`)

// gluedWhy and gluedRight say so.
const (
	gluedWhy   = "has && before a condition, and not between spaces"
	gluedRight = "write && between spaces to join conditions, or a regex with &{2} for a value that has it"
)

// ParseFlag reads the value of --match: conditions joined by " && ".
//
//	cookie:User=Internal       a cookie's whole value
//	cookie:~User=In.*          a regular expression for whole name=value pairs
//	header:end-user^=jas       a header's value begins so
//	query:v~^2                 a regular expression (RE2) for the whole value
//	header:x-beta              present, with any value
//	os:iOS,Android             one of OSes
//	browser:Chrome             one of Browsers
//
// The leftmost operator counts. The error has a line for all that is wrong.
func ParseFlag(s string) (Rule, error) {
	if len(s) > MaxBytes {
		return Rule{}, Fault{Value: s, Why: fmt.Sprintf("has %d bytes", len(s)), Right: fmt.Sprintf("write %d at most", MaxBytes)}
	}
	var rule Rule
	var faults []Fault
	for _, part := range strings.Split(s, and) {
		if f := rule.add(part); f != nil {
			faults = append(faults, *f)
		}
	}
	if len(faults) == 0 {
		faults = rule.faults()
	}
	if err := joined(faults); err != nil {
		return Rule{}, err
	}
	rule.OS, rule.Browser = inOrder(rule.OS, OSes), inOrder(rule.Browser, Browsers)
	return rule, nil
}

// add adds one condition of a flag.
func (r *Rule) add(part string) *Fault {
	if glued.MatchString(part) {
		return &Fault{Value: part, Why: gluedWhy, Right: gluedRight}
	}
	place, what, ok := strings.Cut(strings.TrimLeft(part, " "), ":")
	twice := &Fault{Value: part, Why: "is the second condition on the same", Right: "write one, or a rule for each"}
	switch place = strings.TrimSpace(place); {
	case !ok || !slices.Contains([]string{"cookie", "header", "query", "os", "browser"}, place):
		return &Fault{Value: part, Why: "is no condition", Right: "write cookie:NAME=VALUE, header:NAME=VALUE, query:NAME=VALUE, os:NAME or browser:NAME, joined by && between spaces"}
	case place == "os":
		if r.OS != nil {
			return twice
		}
		r.OS = strings.Split(what, ",")
	case place == "browser":
		if r.Browser != nil {
			return twice
		}
		r.Browser = strings.Split(what, ",")
	case place == "cookie":
		if r.Cookie != nil {
			return twice
		}
		r.Cookie = &Cookie{}
		r.Cookie.Name, r.Cookie.Match = operated(what)
	case place == "header":
		name, match := operated(what)
		return set(&r.Headers, strings.ToLower(name), match, twice)
	default:
		name, match := operated(what)
		return set(&r.Query, name, match, twice)
	}
	return nil
}

func set(in *map[string]Match, name string, match Match, twice *Fault) *Fault {
	if _, ok := (*in)[name]; ok {
		return twice
	}
	if *in == nil {
		*in = map[string]Match{}
	}
	(*in)[name] = match
	return nil
}

// operated splits a condition at its leftmost operator: =, ^= or ~.
func operated(s string) (name string, m Match) {
	at := strings.IndexAny(s, "=~")
	switch {
	case at < 0:
		return s, Match{Kind: Present}
	case s[at] == '~':
		return s[:at], Match{Regex, s[at+1:]}
	case at > 0 && s[at-1] == '^':
		return s[:at-1], Match{Prefix, s[at+1:]}
	default:
		return s[:at], Match{Exact, s[at+1:]}
	}
}

// String gives the rule as ParseFlag reads it.
func (r Rule) String() string {
	var parts []string
	if r.Cookie != nil {
		parts = append(parts, "cookie:"+r.Cookie.Name+r.Cookie.Match.operation())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		parts = append(parts, "header:"+name+r.Headers[name].operation())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		parts = append(parts, "query:"+name+r.Query[name].operation())
	}
	if len(r.OS) > 0 {
		parts = append(parts, "os:"+strings.Join(r.OS, ","))
	}
	if len(r.Browser) > 0 {
		parts = append(parts, "browser:"+strings.Join(r.Browser, ","))
	}
	return strings.Join(parts, and)
}

func (m Match) operation() string {
	switch m.Kind {
	case Exact:
		return "=" + m.Value
	case Prefix:
		return "^=" + m.Value
	case Regex:
		return "~" + m.Value
	default:
		return ""
	}
}
