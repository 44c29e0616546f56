package content_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// FuzzParse: no text makes the reader fail, and what it takes can be written and
// compiled.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"- cookie: {name: User, exact: Internal}\n  headers: {end-user: {exact: jason}}\n  query: {beta: {exact: \"1\"}}\n  os: [iOS]\n  browser: [Chrome]\n",
		"- cookie: {regex: \"User=.*\"}", "- headers: {a: &x {exact: b}, c: *x}\n", "- {<<: {os: [iOS]}}", "- ? [a]\n  : b", "- query: {a: {present: true}}\n---\n", "[{os: [Linux]}]", "- headers: {a: {regex: '(?=a'}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, faults := content.Parse(text)
		for _, fault := range faults {
			if fault.Why == "" || fault.Error() == "" {
				t.Errorf("%q: a fault without a reason: %+v", text, fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		checkRules(t, rules)
		if again, faults := content.Parse(content.Format(rules)); len(faults) == 0 && !reflect.DeepEqual(again, rules) {
			t.Errorf("%q becomes %+v, then %+v", text, rules, again)
		} else if len(faults) > 0 && len(content.Format(rules)) <= content.MaxBytes {
			t.Errorf("%q: what we write of it is refused: %v", text, faults)
		}
	})
}

// FuzzParseFlag: the same for a flag.
func FuzzParseFlag(f *testing.F) {
	for _, seed := range []string{"cookie:User=Internal && header:a^=b && query:v~^2 && os:iOS,Android && browser:Chrome", "cookie:~User=.*", "header:a~(?i)b{2,3}?", "cookie:a~[^;\\w]|b$", "query:a=&&", "header:a=b&&os:iOS", "header:a&& && os:iOS"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, flag string) {
		rule, err := content.ParseFlag(flag)
		if err != nil {
			return
		}
		checkRules(t, []content.Rule{rule})
	})
}

// FuzzCookies: an expression that is taken holds for a header exactly when the
// reference says so.
func FuzzCookies(f *testing.F) {
	f.Add("User", "In.*", "a=b; User=Internal")
	f.Add("", "User=.*", "MyUser=a;User=")
	f.Add("a", `^(?:(b|[^c])*?\b)$`, "a = b ; a=\xe9")
	f.Fuzz(func(t *testing.T, name, re, header string) {
		if strings.ContainsAny(header, "\x00\r\n") || len(header) > 200 || len(re) > 60 {
			return
		}
		rule := content.Rule{Cookie: &content.Cookie{Name: name, Match: content.Match{Kind: content.Regex, Value: re}}}
		if _, err := content.ParseFlag(rule.String()); err != nil {
			return
		}
		request := content.Request{Headers: map[string][]string{"cookie": {header}}}
		if got, want := envoy(rule.Compile(), request), rule.Matches(request); got != want {
			t.Errorf("%s on %q: Envoy says %t, the reference %t: %v", rule, header, got, want, rule.Compile())
		}
	})
}

// checkRules holds for everything that was taken.
func checkRules(t *testing.T, rules []content.Rule) {
	t.Helper()
	for _, rule := range rules {
		compiled := rule.Compile()
		if len(compiled) == 0 {
			t.Errorf("%s has no alternatives", rule)
		}
		for _, alternative := range compiled {
			if len(alternative) == 0 {
				t.Errorf("%s has an alternative that takes everything", rule)
			}
			for _, c := range alternative {
				if c.Match.Kind != content.Regex {
					continue
				}
				if _, err := regexp.Compile(c.Match.Value); err != nil || len(c.Match.Value) > 1024 {
					t.Errorf("%s: Istio refuses %q: %v", rule, c.Match.Value, err)
				}
			}
		}
		rule.Matches(content.Request{Headers: map[string][]string{"cookie": {"a=b"}, "user-agent": {"curl"}}, Query: "a=b"})
		if s := rule.String(); len(s) <= content.MaxBytes {
			if back, err := content.ParseFlag(s); err != nil || !reflect.DeepEqual(back, rule) {
				t.Errorf("the flag %q becomes %+v, %v; want %+v", s, back, err, rule)
			}
		}
	}
}
