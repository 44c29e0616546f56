package route

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// compose gives the match list of a copy by content: every match of the user's
// route ANDed with every alternative of every rule. The user's list is ORed, and
// so is the result. readable is false for a list that is malformed: who does not
// understand a route must not narrow it. It fails where one Istio match can't
// say both.
func compose(users any, rules []content.Rule) (out []any, readable bool, err error) {
	matches := []any{map[string]any{}} // no match is every request
	switch list := users.(type) {
	case nil:
	case []any:
		if len(list) > 0 {
			matches = list
		}
	default:
		return nil, false, nil
	}
	for _, alternative := range together(rules) {
		for _, match := range matches {
			fields, ok := match.(map[string]any)
			if !ok || !legible(fields) {
				return nil, false, nil
			}
			both, err := and(fields, alternative)
			if err != nil {
				return nil, true, err
			}
			out = append(out, both)
		}
	}
	return out, true, nil
}

// together gives the alternatives of all rules at once.
func together(rules []content.Rule) []content.Alternative {
	out := []content.Alternative{nil}
	for _, rule := range rules {
		var more []content.Alternative
		for _, before := range out {
			for _, alternative := range rule.Compile() {
				more = append(more, append(append(content.Alternative{}, before...), alternative...))
			}
		}
		out = more
	}
	return out
}

// legible says whether the fields that conditions go into are what they should
// be.
func legible(match map[string]any) bool {
	for _, field := range []string{"headers", "withoutHeaders", "queryParams"} {
		if value, has := match[field]; has && value != nil {
			if _, ok := value.(map[string]any); !ok {
				return false
			}
		}
	}
	return true
}

// and gives a copy of the match that holds the conditions, too.
func and(match map[string]any, conditions content.Alternative) (map[string]any, error) {
	out := copied(match).(map[string]any)
	for _, c := range conditions {
		var err error
		switch {
		case c.In == content.Query:
			err = andQuery(out, c)
		case c.Not:
			err = andHeader(out, "withoutHeaders", c.Name, stringMatch(c.Match))
		default:
			err = andHeader(out, "headers", c.Name, stringMatch(c.Match))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// andHeader adds a condition on a header. Where there is one on the same header
// already, the key is written in another case: to Envoy it is the same header,
// and both conditions hold.
func andHeader(match map[string]any, field, name string, value any) error {
	headers := object(match, field)
	if headers == nil {
		headers = map[string]any{}
		match[field] = headers
	}
	for n := 0; ; n++ {
		key, ok := cased(name, n)
		if !ok {
			return fmt.Errorf("the route restricts header %s in %s already, and Istio has no way to write a second condition on it: take one of the two out", name, field)
		}
		if _, taken := headers[key]; !taken {
			headers[key] = value
			return nil
		}
	}
}

// cased gives the nth way to write a header's name: with the letters in upper
// case that n has bits for. Of a pseudo-header Istio knows one way only.
func cased(name string, n int) (key string, ok bool) {
	if strings.HasPrefix(name, ":") {
		return name, n == 0
	}
	var b strings.Builder
	for _, r := range name {
		if r >= 'a' && r <= 'z' {
			if n&1 == 1 {
				r -= 'a' - 'A'
			}
			n >>= 1
		}
		b.WriteRune(r)
	}
	return b.String(), n == 0
}

// andQuery adds a condition on a query parameter. Their names have no case to
// spare: where the route restricts the same one, the condition goes to the path.
func andQuery(match map[string]any, c content.Condition) error {
	params := object(match, "queryParams")
	if params == nil {
		params = map[string]any{}
		match["queryParams"] = params
	}
	if _, taken := params[c.Name]; !taken {
		params[c.Name] = stringMatch(c.Match)
		return nil
	}
	regex, err := queryInPath(c.Name, c.Match)
	if err != nil {
		return err
	}
	return andHeader(match, "headers", ":path", map[string]any{"regex": regex})
}

// stringMatch is a StringMatch; an empty one means that the value is present.
func stringMatch(m content.Match) map[string]any {
	if m.Kind == content.Present {
		return map[string]any{}
	}
	return map[string]any{string(m.Kind): m.Value}
}
