package content_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// TestFaults: what is wrong is named with its rule and path, and all of it.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string // the beginnings of the faults
	}{
		"nothing":                 {"", []string{"is empty"}},
		"a comment":               {"# later", []string{"is empty"}},
		"null":                    {"null", []string{"is empty"}},
		"an empty list":           {"[]", []string{"is an empty list"}},
		"no list":                 {"os: [iOS]", []string{"is no list of rules"}},
		"no YAML":                 {"- {", []string{"is no YAML: line 1"}},
		"two documents":           {"- os: [iOS]\n---\n- os: [Linux]", []string{"is more than one YAML document"}},
		"no mapping":              {"- iOS", []string{`rule 1: "iOS" is no mapping`}},
		"an empty rule":           {"- {}", []string{"rule 1: says nothing"}},
		"an unknown key":          {"- os: [iOS]\n- header: {a: {exact: b}}", []string{`rule 2: "header" is not a key of a rule`}},
		"a key twice":             {"- os: [iOS]\n  os: [Linux]", []string{`rule 1: "os" stands twice`}},
		"a number":                {"- headers: {v: {exact: 1.10}}", []string{`rule 1: headers.v.exact: "1.10" is a number in YAML where a string is meant; quote it: "1.10"`}},
		"an old boolean":          {"- query: {on: {exact: yes}}", []string{`rule 1: query: "on" is a boolean`}},
		"a date":                  {"- query: {d: {exact: 2026-01-01}}", []string{`rule 1: query.d.exact: "2026-01-01" is a date`}},
		"an alias":                {"- headers: {a: &x {exact: b}, c: *x}", []string{`rule 1: headers.c:`}},
		"no comparison":           {"- headers: {a: jason}", []string{`rule 1: headers.a: "jason" does not say how to compare`}},
		"two comparisons":         {"- headers: {a: {exact: b, regex: c}}", []string{`rule 1: headers.a: "regex" stands beside exact`}},
		"present: false":          {"- headers: {a: {present: false}}", []string{`rule 1: headers.a.present: "false" is not true`}},
		"an empty prefix":         {`- headers: {a: {prefix: ""}}`, []string{"rule 1: headers.a: is an empty prefix"}},
		"names of one header":     {"- headers: {End-User: {exact: a}, end-user: {exact: b}}", []string{`rule 1: headers: "end-user" stands twice`}},
		"a key of Istio's":        {"- headers: {URI: {prefix: /a}}", []string{`rule 1: headers.uri: "uri" is a key that Istio ignores`}},
		"a pseudo-header":         {`- headers: {":path": {prefix: /a}}`, []string{`rule 1: headers.:path: ":path" is a pseudo-header`}},
		"a claim":                 {`- headers: {"@request.auth.claims.sub": {exact: a}}`, []string{`rule 1: headers.@request.auth.claims.sub: "@request.auth.claims.sub" is a claim`}},
		"no header name":          {`- headers: {"end user": {exact: a}}`, []string{`rule 1: headers.end user: "end user" is no header name`}},
		"spaces at an end":        {`- headers: {a: {exact: "b "}}`, []string{`rule 1: headers.a: "b " has white space at an end`}},
		"a line break":            {`- headers: {a: {exact: "b\nc"}}`, []string{`rule 1: headers.a: "b\nc" has a control character`}},
		"what joins in a flag":    {`- headers: {a: {exact: "b && c"}}`, []string{`rule 1: headers.a: "b && c" has && after a space`}},
		"a decoded query":         {`- query: {a: {exact: "b c"}}`, []string{`rule 1: query.a: "b c" can't be a query parameter's value`}},
		"two parameters":          {`- query: {"a&b": {exact: c}}`, []string{`rule 1: query.a&b: "a&b" is no name of a query parameter`}},
		"a cookie without a name": {"- cookie: {exact: a}", []string{"rule 1: cookie.name: is missing"}},
		"an empty cookie name":    {`- cookie: {name: "", regex: a}`, []string{"rule 1: cookie.name: is empty"}},
		"no cookie name":          {`- cookie: {name: "a b", exact: c}`, []string{`rule 1: cookie.name: "a b" is no cookie name`}},
		"two cookies":             {`- cookie: {name: a, exact: "b; c=d"}`, []string{`rule 1: cookie: "b; c=d" has a ;`}},
		"two cookies in a regex":  {`- cookie: {regex: "^(.*?;)?(user=jason)(;.*)?$"}`, []string{`rule 1: cookie: "^(.*?;)?(user=jason)(;.*)?$" has a ; which ends a cookie`}},
		"an anchor in the middle": {`- cookie: {name: a, regex: "b^c"}`, []string{`rule 1: cookie: "b^c" has an anchor (^)`}},
		"an unknown system":       {"- os: [ios, BeOS]\n  browser: [Edge, Edge]", []string{`rule 1: os: "ios" is none that we know; write iOS`, `rule 1: os: "BeOS" is none that we know; write any of iOS`, `rule 1: browser: "Edge" stands twice`}},
		"several":                 {"- os: []\n- cookie: {name: A, exact: 1}\n- nope: {}", []string{"rule 1: os: is empty", `rule 2: cookie.exact: "1" is a number`, `rule 3: "nope" is not a key`}},
		"too long":                {"- headers: {a: {exact: " + strings.Repeat("b", content.MaxBytes) + "}}", []string{"has 4121 bytes"}},
		"too many rules":          {strings.Repeat("- os: [iOS]\n", content.MaxRules+1), []string{"has 17 rules"}},
		"too many conditions":     {"- headers: {" + strings.Join(headers(content.MaxConditions), ", ") + "}\n  os: [iOS]", []string{"rule 1: has 17 conditions"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := content.Parse(c.yaml)
			if len(faults) != len(c.want) {
				t.Fatalf("faults are %v, want %d", faults, len(c.want))
			}
			for n, want := range c.want {
				if got := faults[n].Error(); !strings.HasPrefix(got, want) {
					t.Errorf("fault is\n%s, want\n%s…", got, want)
				}
			}
		})
	}
}

func headers(n int) []string {
	var out []string
	for i := range n {
		out = append(out, "h"+strings.Repeat("x", i)+": {present: true}")
	}
	return out
}

// TestRegexes: what Envoy would refuse is refused with its position, because one
// bad expression would keep everything else from it.
func TestRegexes(t *testing.T) {
	for re, want := range map[string]string{
		`a(?=b)`:                     "position 2 a look-ahead",
		`a(?!b)`:                     "position 2 a look-ahead",
		`x\(?=(?<=a)b`:               "position 6 a look-behind",
		`(?<!a)b`:                    "position 1 a look-behind",
		`(a)\1`:                      "position 4 a back reference",
		`(?P<n>a)(?P=n)`:             "position 9 a back reference",
		`ab++`:                       "position 3 \"++\", a possessive quantifier",
		`(?>a)`:                      "position 1 an atomic group",
		`a\Z`:                        `position 2 a \Z (write \z)`,
		`a)b`:                        "position 2 an error: unexpected )",
		`a(b`:                        "ends at position 3 within a parenthesis",
		`a[b`:                        "position 2 an error: missing closing ]",
		`[z-a]`:                      "position 2 an error: invalid character class range",
		`*`:                          "position 1 an error: missing argument to repetition operator",
		`a{1001}`:                    "position 2 an error: invalid repeat count",
		`caf[é]`:                     "position 5",
		`a\Qb`:                       `position 2 a \Q without its \E`,
		`a\p{Cn}`:                    `position 2 the class "Cn"`,
		`a\P{^Han}`:                  `position 2 the class "Han"`,
		`\p{Lu}\pN\P{^Z}`:            "",
		`ab\x{100}`:                  `position 3 a character above \x{ff}`,
		`[acegikmoqsuwy0246]{1000}`:  "steps",
		strings.Repeat("a", 1025):    "1025 characters",
		`(?:[^;]{0,900}a|b[c-e]{0})`: "",
		`^\Q\x{100}\E[\x{e9}]\pL$`:   "",
		`(?i)jas(on|mine)\b.*`:       "",
		`(?<n>a)(?P<m>b)`:            "",
		strings.Repeat("a", 1024):    "",
	} {
		_, err := content.ParseFlag("header:a~" + re)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", re, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v; want %s", re, err, want)
		}
	}
	// The compiled form counts: a name and the rest of the header need room, too.
	for _, flag := range []string{"cookie:a~" + strings.Repeat("b", 1000), "cookie:a=" + strings.Repeat("b", 1000), "cookie:a^=" + strings.Repeat(".", 500), "cookie:" + strings.Repeat("a", 1000)} {
		if _, err := content.ParseFlag(flag); err == nil || !strings.Contains(err.Error(), "and Istio takes 1024") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestFlags: the leftmost operator counts.
func TestFlags(t *testing.T) {
	name := func(m map[string]content.Match) string {
		for n, match := range m {
			return n + "|" + string(match.Kind) + "|" + match.Value
		}
		return ""
	}
	for flag, want := range map[string]string{
		"header:End-User=jason":  "end-user|exact|jason",
		"header:a=":              "a|exact|",
		"header:a^=b=c":          "a|prefix|b=c",
		"header:a~b=c":           "a|regex|b=c",
		"header:a=b~c":           "a|exact|b~c",
		"header:a=^=b":           "a|exact|^=b",
		"header:a":               "a|present|",
		"header:a=b:c,d&&e":      "a|exact|b:c,d&&e",
		"header:x!#$%&'*+-.^_`|": "x!#$%&'*+-.^_`||present|",
		"query:v~^2":             "v|regex|^2",
		"query:filter[a]=b=c":    "filter[a]|exact|b=c",
		"query:V^=%20":           "V|prefix|%20",
	} {
		rule, err := content.ParseFlag(flag)
		if got := name(rule.Headers) + name(rule.Query); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", flag, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "User=Internal", "cookies:a=b", "os:", "os:iOS,", "os:iOS,iOS", "os:iOS, Android", "browser:IE", "header:=a", "header:~a", "cookie:=a", "query:=a", "query:~a",
		"cookie:a=b && cookie:c=d", "header:a=b && header:A=c", "os:iOS && os:Linux", "header:a=b &&", "header:a=b && ", "header:a=b&& c", "header:a~", "header:a^=", "cookie:~",
	} {
		if rule, err := content.ParseFlag(bad); err == nil && bad != "header:a=b&& c" {
			t.Errorf("%q is %+v", bad, rule)
		}
	}
	rule, err := content.ParseFlag("browser:Internet Explorer,Chrome && os:Android,iOS && cookie:~User=.*")
	if err != nil || !slices.Equal(rule.OS, []string{"iOS", "Android"}) || rule.Browser[0] != "Chrome" || rule.Cookie.Name != "" || rule.Cookie.Match.Value != "User=.*" {
		t.Errorf("the rule is %+v, %v", rule, err)
	}
}

// TestCookies: scenarios of real headers.
func TestCookies(t *testing.T) {
	for _, c := range []struct {
		flag, header string
		want         bool
	}{
		{"cookie:User=Internal", "User=Internal", true},
		{"cookie:User=Internal", "a=b; User=Internal; c=d", true},
		{"cookie:User=Internal", "a=b;User=Internal;c=d", true},
		{"cookie:User=Internal", "a=b ;\tUser = Internal ; c=d", true},
		{"cookie:User=Internal", "MyUser=Internal", false},
		{"cookie:User=Internal", "My User=Internal", false},
		{"cookie:User=Internal", "user=Internal", false},
		{"cookie:User=Internal", "User=InternalX", false},
		{"cookie:User=Internal", "User=Other; User=Internal", true},
		{"cookie:User=Internal", `User="Internal"`, false},
		{`cookie:User="Internal"`, `User="Internal"`, true},
		{"cookie:User=Internal", "a=User=Internal", false},
		{"cookie:User=a=b==", "User=a=b==", true},
		{"cookie:User=", "a=b; User=; c=d", true},
		{"cookie:User=", "User", false},
		{"cookie:User=日本", "a=b; User=日本", true},
		{"cookie:User^=日", "User=日本; a=b", true},
		{"cookie:User~.{6}", "User=日本", true},
		{"cookie:User=Internal", "a=\xff; User=Internal", true},
		{"cookie:User=", "User=x", false},
		{"cookie:User", "User=", true},
		{"cookie:User", "a=User", false},
		{"cookie:User=I.*", "User=Internal", false},
		{"cookie:U.er=a", "User=a", false},
		{"cookie:User^=In", "a=b; User=Internal", true},
		{"cookie:User^=In", "User=xIn", false},
		{"cookie:User~In.*", "User=Internal; a=b", true},
		{"cookie:User~.*nal", "User=a; b=nal", false},
		{"cookie:User~^Internal$", "a=b; User=Internal; c=d", true},
		{"cookie:User~a|b", "User=b", true},
		{"cookie:User~[^a]*", "User=bbb; x=a", true},
		{`cookie:User~\w+\W\w+`, "User=a; b=c", false},
		{"cookie:~User=.*", "a=b; User=Internal", true},
		{"cookie:~User=.*", "a=b; MyUser=Internal", false},
		{"cookie:~.*User=.*", "a=b; MyUser=Internal", true},
		{"cookie:~a=.*d", "a=b; c=d", false},
	} {
		rule, err := content.ParseFlag(c.flag)
		if err != nil {
			t.Errorf("%s: %v", c.flag, err)
			continue
		}
		request := content.Request{Headers: map[string][]string{"cookie": {c.header}}}
		if got, ref := envoy(rule.Compile(), request), rule.Matches(request); got != c.want || ref != c.want {
			t.Errorf("%s on %q: Envoy %t, reference %t, want %t", c.flag, c.header, got, ref, c.want)
		}
	}
}

// TestDocumentedRules: what docs/match.md shows is legal, and its two ways say
// the same.
func TestDocumentedRules(t *testing.T) {
	for yaml, flag := range documented(t) {
		rules, faults := content.Parse(yaml)
		if len(faults) > 0 {
			t.Errorf("%s: %v", yaml, faults)
			continue
		}
		var said []string
		for _, rule := range rules {
			said = append(said, rule.String())
		}
		if got := strings.Join(said, " --match "); got != strings.TrimPrefix(flag, "--match ") {
			t.Errorf("%s is %s, the docs say %s", yaml, got, flag)
		}
	}
}

// TestGluedAnd: an && without spaces before a condition is no part of a value.
func TestGluedAnd(t *testing.T) {
	for _, flag := range []string{
		"cookie:User=Internal&&os:iOS", "header:a=b&& os:iOS", "header:a^=b &&browser:Chrome", "query:v~^2&&\tcookie:a=b",
		"header:a&&header:b", "os:iOS&&browser:Chrome", "cookie:a=b && os:iOS&&query:v=1",
	} {
		if rule, err := content.ParseFlag(flag); err == nil || !strings.Contains(err.Error(), "write && between spaces") {
			t.Errorf("%q becomes %+v, %v", flag, rule, err)
		}
	}
	for _, text := range []string{"- headers: {a: {exact: 'b&&os:iOS'}}", "- query: {v: {regex: 'a&&os:b'}}"} {
		if rules, faults := content.Parse(text); len(faults) == 0 {
			t.Errorf("%s becomes %v, which no flag can say", text, rules)
		}
	}
	for _, text := range []string{"- headers: {a: {exact: 'b&&c'}}", "- headers: {a: {exact: 'b&&oss:iOS&&'}}", "- headers: {a: {regex: 'a&{2}os:b'}}", "- {headers: {'a&&': {present: true}}, os: [iOS]}"} {
		if _, faults := content.Parse(text); len(faults) > 0 {
			t.Errorf("%s is refused: %v", text, faults)
		}
	}
}
