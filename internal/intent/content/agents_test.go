package content_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

var update = flag.Bool("update", false, "write the table of user agents into docs/match.md")

type agent struct{ What, OS, Browser, Why, Agent string }

func agents(t testing.TB) []agent {
	t.Helper()
	b, err := os.ReadFile("testdata/agents.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []agent
	if err := yaml.UnmarshalStrict(b, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatal("no user agents")
	}
	return out
}

// TestAgents: each user agent counts as what the table says, by the reference
// and by what Envoy is told, for each operating system and browser alone.
func TestAgents(t *testing.T) {
	for _, a := range agents(t) {
		if got := content.OSOf(a.Agent); got != a.OS {
			t.Errorf("%s counts as OS %q, want %q", a.What, got, a.OS)
		}
		if got := content.BrowserOf(a.Agent); got != a.Browser {
			t.Errorf("%s counts as browser %q, want %q", a.What, got, a.Browser)
		}
		request := content.Request{Headers: map[string][]string{"user-agent": {a.Agent}}}
		for _, name := range content.OSes {
			if got := envoy(content.Rule{OS: []string{name}}.Compile(), request); got != (name == a.OS) {
				t.Errorf("%s: the conditions of os %s give %t", a.What, name, got)
			}
		}
		for _, name := range content.Browsers {
			if got := envoy(content.Rule{Browser: []string{name}}.Compile(), request); got != (name == a.Browser) {
				t.Errorf("%s: the conditions of browser %s give %t", a.What, name, got)
			}
		}
	}
}

// TestAgentSubsets: what Envoy is told for several values is what it is told for
// each alone, taken together: every subset of the operating systems, and every
// one of the browsers, for the real strings.
func TestAgentSubsets(t *testing.T) {
	all := agents(t)
	check := func(rule content.Rule, counts func(agent) bool) {
		compiled := newJudge(rule.Compile())
		for _, a := range all {
			request := content.Request{Headers: map[string][]string{"user-agent": {a.Agent}}}
			if got := compiled.matches(request); got != counts(a) {
				t.Errorf("%s: %s gives %t", a.What, rule, got)
			}
		}
	}
	for bits := 1; bits < 1<<len(content.OSes); bits++ {
		names := subset(content.OSes, bits)
		check(content.Rule{OS: names}, func(a agent) bool { return slices.Contains(names, a.OS) })
	}
	for bits := 1; bits < 1<<len(content.Browsers); bits++ {
		names := subset(content.Browsers, bits)
		check(content.Rule{Browser: names}, func(a agent) bool { return slices.Contains(names, a.Browser) })
	}
}

// TestAgentSizes: every combination fits into Istio's bound, in few alternatives.
func TestAgentSizes(t *testing.T) {
	for s := range 1 << len(content.OSes) {
		for b := range 1 << len(content.Browsers) {
			rule := content.Rule{OS: subset(content.OSes, s), Browser: subset(content.Browsers, b)}
			compiled := rule.Compile()
			if len(compiled) > 9 {
				t.Errorf("%s has %d alternatives", rule, len(compiled))
			}
			for _, alternative := range compiled {
				for _, c := range alternative {
					if len(c.Match.Value) > 1024 {
						t.Errorf("%s has an expression of %d characters", rule, len(c.Match.Value))
					}
				}
			}
		}
	}
}

// TestMixedAgents: the same for strings that mix the words of all, and no browser
// has ever sent.
func TestMixedAgents(t *testing.T) {
	var words []string
	for _, a := range agents(t) {
		words = append(words, strings.Fields(a.Agent)...)
	}
	rapid.Check(t, func(t *rapid.T) {
		ua := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 8).Draw(t, "words"), " ")
		request := content.Request{Headers: map[string][]string{"user-agent": {ua}}}
		rule := content.Rule{
			OS:      subset(content.OSes, rapid.IntRange(0, 1<<len(content.OSes)-1).Draw(t, "os")),
			Browser: subset(content.Browsers, rapid.IntRange(0, 1<<len(content.Browsers)-1).Draw(t, "browser")),
		}
		var singly bool
		for _, os := range orAny(rule.OS) {
			for _, browser := range orAny(rule.Browser) {
				singly = singly || envoy(content.Rule{OS: os, Browser: browser}.Compile(), request)
			}
		}
		if got := envoy(rule.Compile(), request); got != singly || got != rule.Matches(request) {
			t.Fatalf("%q: together %t, singly %t, reference %t", ua, got, singly, rule.Matches(request))
		}
	})
}

func subset(of []string, bits int) []string {
	var out []string
	for n, value := range of {
		if bits>>n&1 == 1 {
			out = append(out, value)
		}
	}
	return out
}

// orAny gives each value alone, or none at all where there is none.
func orAny(values []string) [][]string {
	if len(values) == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for _, value := range values {
		out = append(out, []string{value})
	}
	return out
}

// TestAgentDocs: docs/match.md shows the table as the tests have it.
func TestAgentDocs(t *testing.T) {
	const path, begin, end = "../../../docs/match.md", "<!-- agents: written by go test ./internal/intent/content -update -->\n", "<!-- end of agents -->\n"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of the table", path)
	}
	var table strings.Builder
	table.WriteString("| user agent | os | browser | why |\n|---|---|---|---|\n")
	for _, a := range agents(t) {
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", a.What, orDash(a.OS), orDash(a.Browser), a.Why)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table.String() {
		t.Errorf("the table in %s is not the tests'; -update writes it", path)
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// documented gives the examples of docs/match.md, annotation to flag.
func documented(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/match.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if cells := strings.Split(line, "`"); strings.HasPrefix(line, "| ") && len(cells) == 5 && strings.HasPrefix(cells[1], "[{") {
			out[cells[1]] = cells[3]
		}
	}
	if len(out) < 11 {
		t.Fatalf("docs/match.md shows %d examples", len(out))
	}
	return out
}
