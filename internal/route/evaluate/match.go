package evaluate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// fails gives the first condition that does not hold for a request, as a clause;
// empty when all hold. Which ones there are is istiod's TranslateRouteMatch, what
// they mean Envoy's.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routematch
func (e entry) fails(r Request) string {
	if e.dropped != "" || e.match == nil {
		return e.dropped
	}
	if why := e.uriFails(r); why != "" {
		return why
	}
	for _, part := range []struct {
		name, value string
		want        *networking.StringMatch
	}{
		{"scheme", r.Scheme, e.match.Scheme}, {"method", r.Method, e.match.Method}, {"authority", r.Host, e.match.Authority},
	} {
		if part.want != nil && !matches(part.want, part.value) {
			return unlike(part.name, part.value, true, part.want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.match.Headers)) {
		if why := headerFails(r, name, e.match.Headers[name]); why != "" {
			return why
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.match.WithoutHeaders)) {
		if why := withoutFails(r, name, e.match.WithoutHeaders[name]); why != "" {
			return why
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.match.QueryParams)) {
		want := e.match.QueryParams[name]
		if value, ok := r.query(name); !ok || !present(want) && !matches(want, value) {
			return unlike("query parameter "+name, value, ok, want)
		}
	}
	return ""
}

// uriFails looks at the path. The case of a regular expression is not ignored,
// whatever ignoreUriCase says.
func (e entry) uriFails(r Request) string {
	path, fold := r.bare(), func(s string) string { return s }
	if e.match.IgnoreUriCase {
		fold = asciiLower
	}
	holds := true
	switch want := e.match.GetUri().GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		holds = fold(path) == fold(want.Exact)
	case *networking.StringMatch_Prefix:
		prefix := want.Prefix
		if e.service.separated && prefix != "/" {
			prefix = strings.TrimSuffix(prefix, "/")
			rest, found := strings.CutPrefix(fold(path), fold(prefix))
			holds = found && (rest == "" || rest[0] == '/')
			break
		}
		holds = strings.HasPrefix(fold(path), fold(prefix))
	case *networking.StringMatch_Regex:
		holds = fullMatch(want.Regex, path)
	}
	if holds {
		return ""
	}
	return unlike("uri", path, true, e.match.Uri)
}

// claims is how a condition on a verified token begins.
const claims = "@request.auth.claims"

// claim says whether the name of a header means a claim of a token (ToRoutingClaim
// in istio.io/istio/pkg/jwt).
func claim(name string) bool {
	if len(name) < len(claims) || !strings.EqualFold(name[:len(claims)], claims) {
		return false
	}
	rest := name[len(claims):]
	return len(rest) > 1 && rest[0] == '.' || len(rest) > 2 && rest[0] == '[' && rest[len(rest)-1] == ']'
}

// headerFails: of several values one has to match.
func headerFails(r Request, name string, want *networking.StringMatch) string {
	if claim(name) {
		return name + " is absent: no token was verified"
	}
	values := r.headers(name)
	if slices.ContainsFunc(values, func(value string) bool { return matches(want, value) }) {
		return ""
	}
	return unlike("header "+name, strings.Join(values, ", "), len(values) > 0, want)
}

// withoutFails is the opposite. A header that is absent counts as an empty one,
// unless the condition is that it is present.
func withoutFails(r Request, name string, want *networking.StringMatch) string {
	if claim(name) {
		return ""
	}
	values := r.headers(name)
	if len(values) == 0 {
		if present(want) || !matches(want, "") {
			return ""
		}
		return fmt.Sprintf("header %s is absent, want anything but %s", name, words(want))
	}
	for _, value := range values {
		if present(want) {
			return fmt.Sprintf("header %s is %q, want none", name, value)
		}
		if matches(want, value) {
			return fmt.Sprintf("header %s is %q, want anything but %s", name, value, words(want))
		}
	}
	return ""
}

// present says whether a condition is only that there is a value: an empty one,
// or the regular expression "*", which is none (canBeConvertedToPresentMatch).
func present(want *networking.StringMatch) bool {
	return want.GetMatchType() == nil || want.GetRegex() == "*"
}

// matches compares a value with a condition. A part of the request line is always
// present, so that the condition of presence holds.
func matches(want *networking.StringMatch, value string) bool {
	switch {
	case present(want):
		return true
	case want.GetRegex() != "":
		return fullMatch(want.GetRegex(), value)
	case want.GetPrefix() != "":
		return strings.HasPrefix(value, want.GetPrefix())
	}
	_, exact := want.GetMatchType().(*networking.StringMatch_Exact)
	return exact && value == want.GetExact()
}

// fullMatch matches a whole value with a regular expression (RE2). One that
// Envoy would not take matches nothing.
func fullMatch(pattern, value string) bool {
	if _, err := regexp.Compile(pattern); err != nil {
		return false
	}
	re, err := regexp.Compile(`\A(?:` + bytewise(pattern) + `)\z`)
	return err == nil && re.MatchString(bytewise(value))
}

// bytewise makes a character of each byte, which is what Envoy's RE2 takes for
// one (its Latin-1 mode).
func bytewise(s string) string {
	out := make([]rune, len(s))
	for i, b := range []byte(s) {
		out[i] = rune(b)
	}
	return string(out)
}

// asciiLower folds as Envoy does: other letters keep their case.
func asciiLower(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

func unlike(what, value string, ok bool, want *networking.StringMatch) string {
	return what + " is " + shown(value, ok) + ", want " + words(want)
}

func shown(value string, ok bool) string {
	if !ok {
		return "absent"
	}
	return fmt.Sprintf("%q", value)
}

// words shows a condition.
func words(want *networking.StringMatch) string {
	if present(want) {
		return "any value"
	}
	switch m := want.GetMatchType().(type) {
	case *networking.StringMatch_Prefix:
		return fmt.Sprintf("prefix %q", m.Prefix)
	case *networking.StringMatch_Regex:
		return fmt.Sprintf("regex %q", m.Regex)
	}
	return fmt.Sprintf("%q", want.GetExact())
}
