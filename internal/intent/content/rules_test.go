package content_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// The generators draw from few letters, so that rules and requests meet.
var (
	someName  = rapid.StringMatching(`[ab]{1,2}`)
	someText  = rapid.StringMatching(`[ab1=."' ]{0,4}`)
	somePiece = rapid.OneOf(
		rapid.StringMatching(`[abAB1=. "'\t]`), rapid.SampledFrom([]string{".", `[^a]`, `[^;]`, `[a;1]`, `\w`, `\W`, `\s`, `\S`, `\b`, `\B`, `\d`, `\.`, `\pL`, `\PL`, `(?s:.)`, `(?i:a)`, `[[:alpha:]]`, `[^=]`, `\x61`, `[\x00-\xff]`, `a|b`, `(?:)`, `\Qa.\E`}))
)

// someRegex draws expressions that nest.
func someRegex(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			if depth > 0 && rapid.IntRange(0, 3).Draw(t, "nest") == 0 {
				b.WriteString(rapid.SampledFrom([]string{"(", "(?:", "(?i:", "(?U:"}).Draw(t, "open") + someRegex(depth-1).Draw(t, "inner") + ")")
			} else {
				b.WriteString(somePiece.Draw(t, "piece"))
			}
			b.WriteString(rapid.SampledFrom([]string{"", "", "", "*", "+", "?", "*?", "{2}", "{1,2}", "{1,}", "|"}).Draw(t, "times"))
		}
		return rapid.SampledFrom([]string{"", "", "^", `\A`, "(?m)^"}).Draw(t, "begin") + b.String() +
			rapid.SampledFrom([]string{"", "", "$", `\z`}).Draw(t, "end")
	})
}

var someMatch = rapid.Custom(func(t *rapid.T) content.Match {
	switch kind := rapid.SampledFrom([]content.Kind{content.Exact, content.Prefix, content.Regex, content.Present}).Draw(t, "kind"); kind {
	case content.Regex:
		return content.Match{Kind: kind, Value: someRegex(2).Draw(t, "regex")}
	case content.Present:
		return content.Match{Kind: kind}
	default:
		return content.Match{Kind: kind, Value: someText.Draw(t, "value")}
	}
})

// someRule draws a rule that the flag's syntax and all checks take.
var someRule = rapid.Custom(func(t *rapid.T) content.Rule {
	return rapid.Custom(func(t *rapid.T) content.Rule {
		r := content.Rule{
			OS:      subset(content.OSes, rapid.IntRange(0, 1<<len(content.OSes)-1).Draw(t, "os")),
			Browser: subset(content.Browsers, rapid.IntRange(0, 1<<len(content.Browsers)-1).Draw(t, "browser")),
		}
		if rapid.Bool().Draw(t, "cookie") {
			r.Cookie = &content.Cookie{Name: rapid.OneOf(someName, rapid.Just("")).Draw(t, "name"), Match: someMatch.Draw(t, "match")}
		}
		if n := rapid.MapOfN(someName, someMatch, 0, 2).Draw(t, "headers"); len(n) > 0 {
			r.Headers = n
		}
		if n := rapid.MapOfN(someName, someMatch, 0, 2).Draw(t, "query"); len(n) > 0 {
			r.Query = n
		}
		return r
	}).Filter(func(r content.Rule) bool {
		_, err := content.ParseFlag(r.String())
		return err == nil
	}).Draw(t, "rule")
})

var someCookies = rapid.Custom(func(t *rapid.T) string {
	var b strings.Builder
	for n := range rapid.IntRange(0, 4).Draw(t, "pairs") {
		if n > 0 {
			b.WriteString(rapid.SampledFrom([]string{"; ", "; ", ";", " ; ", ";\t", ";;"}).Draw(t, "between"))
		}
		b.WriteString(someName.Draw(t, "name") + rapid.SampledFrom([]string{"=", "=", "=", " = ", ""}).Draw(t, "is") +
			rapid.OneOf(someText, rapid.SampledFrom([]string{"\xe9a", "\xc3\xa9"})).Draw(t, "value"))
	}
	return b.String()
})

var someRequest = rapid.Custom(func(t *rapid.T) content.Request {
	q := content.Request{Headers: map[string][]string{}}
	if lines := rapid.SliceOfN(someCookies, 0, 2).Draw(t, "cookies"); len(lines) > 0 {
		q.Headers["cookie"] = lines
	}
	for name, lines := range rapid.MapOfN(someName, rapid.SliceOfN(someText, 1, 2), 0, 2).Draw(t, "headers") {
		q.Headers[name] = lines
	}
	var parts []string
	for range rapid.IntRange(0, 3).Draw(t, "parameters") {
		parts = append(parts, someName.Draw(t, "name")+rapid.SampledFrom([]string{"", "="}).Draw(t, "is")+rapid.StringMatching(`[ab1=.]{0,3}`).Draw(t, "value"))
	}
	q.Query = strings.Join(parts, "&")
	q.Headers["user-agent"] = []string{rapid.SampledFrom([]string{"iPhone", "Mozilla (Linux; Android) Chrome/1", "Macintosh Version/1 Safari/", "X Linux Firefox/"}).Draw(t, "agent")}
	return q
})

// TestCompiledEqualsReference: what Envoy is told is what the rule says, for
// rules without user agents, which have tests of their own.
func TestCompiledEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := someRule.Draw(t, "rule")
		rule.OS, rule.Browser = nil, nil
		judge := newJudge(rule.Compile())
		for range 10 {
			request := someRequest.Draw(t, "request")
			if got, want := judge.matches(request), rule.Matches(request); got != want {
				t.Fatalf("%s on %q: Envoy says %t, the rule %t\n%v", rule, request, got, want, rule.Compile())
			}
		}
	})
}

// TestCookieRegexStaysInside: a user's expression, put into one for the whole
// header, holds exactly when it holds for one of the cookies.
func TestCookieRegexStaysInside(t *testing.T) {
	held := 0
	rapid.Check(t, func(t *rapid.T) {
		cookie := content.Cookie{Name: rapid.SampledFrom([]string{"a", "ab", ""}).Draw(t, "name"), Match: content.Match{Kind: content.Regex, Value: someRegex(2).Draw(t, "regex")}}
		if _, err := content.ParseFlag(content.Rule{Cookie: &cookie}.String()); err != nil {
			return
		}
		judge := newJudge(content.Rule{Cookie: &cookie}.Compile())
		users := regexp.MustCompile(`\A(?:` + cookie.Match.Value + `)\z`)
		for range 20 {
			header := someCookies.Draw(t, "header")
			want := anyCookie(header, cookie.Name, users)
			if got := judge.matches(content.Request{Headers: map[string][]string{"cookie": {header}}}); got != want {
				t.Fatalf("%q in %q: Envoy says %t, want %t", cookie, header, got, want)
			}
			if want {
				held++
			}
		}
	})
	if held == 0 {
		t.Error("no expression held for any cookie: the generators never meet")
	}
}

// anyCookie takes the header apart and tries each value, with and without the
// white space around it.
func anyCookie(header, name string, value *regexp.Regexp) bool {
	for _, pair := range strings.Split(header, ";") {
		if name != "" {
			n, v, ok := strings.Cut(pair, "=")
			if !ok || strings.Trim(n, " \t") != name {
				continue
			}
			pair = v
		}
		bare := strings.Trim(pair, " \t")
		begin := strings.Index(pair, bare)
		if bare == "" {
			begin = len(pair)
		}
		for from := 0; from <= begin; from++ {
			for to := max(from, begin+len(bare)); to <= len(pair); to++ {
				if value.MatchString(latin1(pair[from:to])) {
					return true
				}
			}
		}
		if bare == "" && value.MatchString("") {
			return true
		}
	}
	return false
}

// TestRoundTrips: flag, annotation and JSON say the same rule, and equal rules
// have equal conditions.
func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(someRule, 1, 3).Draw(t, "rules")
		for _, rule := range rules {
			back, err := content.ParseFlag(rule.String())
			if err != nil || !reflect.DeepEqual(back, rule) {
				t.Fatalf("the flag %q becomes %+v, %v; want %+v", rule, back, err, rule)
			}
			b, err := json.Marshal(rule)
			if err != nil {
				t.Fatal(err)
			}
			var again content.Rule
			if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, rule) {
				t.Fatalf("the JSON %s becomes %+v, %v; want %+v", b, again, err, rule)
			}
			if !slices.EqualFunc(rule.Compile(), back.Compile(), slices.Equal[content.Alternative]) {
				t.Fatalf("%s compiles in two ways", rule)
			}
		}
		text := content.Format(rules)
		if back, faults := content.Parse(text); len(faults) > 0 || !reflect.DeepEqual(back, rules) {
			t.Fatalf("the annotation\n%s\nbecomes %+v, %v; want %+v", text, back, faults, rules)
		}
	})
}
