package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// sample is a request: headers, and the query of its URL.
type sample struct {
	headers map[string]string
	query   string
}

func cookie(value string) sample { return sample{headers: map[string]string{"cookie": value}} }

func header(name, value string) sample { return sample{headers: map[string]string{name: value}} }

// and gives the sample with what another has besides.
func (s sample) and(other sample) sample {
	out := sample{headers: maps.Clone(s.headers), query: s.query + other.query}
	if out.headers == nil {
		out.headers = map[string]string{}
	}
	maps.Copy(out.headers, other.headers)
	return out
}

var (
	iPhone  = header("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1")
	chrome  = header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36")
	edge    = header("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0")
	android = header("user-agent", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36")
	beta    = sample{query: "?beta=1"}
	nothing = sample{}
)

// conditions are requests for each row of the page's table: those that the rule
// takes, and those that it does not.
var conditions = map[string]struct{ taken, left []sample }{
	"a cookie's value":        {[]sample{cookie("a=b; User=Internal")}, []sample{nothing, cookie("User=Inter"), cookie("MyUser=Internal")}},
	"its beginning":           {[]sample{cookie("User=Insider; a=b")}, []sample{cookie("User=Out"), cookie("a=In; User=Out")}},
	"its value by expression": {[]sample{cookie("User=In"), cookie("x=y; User=Internal")}, []sample{cookie("User=Out; a=In"), cookie("User=xIn")}},
	"any value of it":         {[]sample{cookie("User="), cookie("User=x")}, []sample{nothing, cookie("a=User")}},
	"any cookie":              {[]sample{cookie("UserName=Internal")}, []sample{cookie("User=Out"), cookie("a=b")}},
	"a header":                {[]sample{header("End-User", "jason")}, []sample{header("end-user", "Jason"), nothing}},
	"a query parameter":       {[]sample{{query: "?v=2.1"}}, []sample{{query: "?v=1.2"}, nothing}},
	"operating systems":       {[]sample{iPhone, android}, []sample{chrome, edge}},
	"browsers":                {[]sample{chrome, android}, []sample{edge, iPhone}},
	"several at once":         {[]sample{iPhone.and(beta)}, []sample{iPhone, beta}},
	"one or the other":        {[]sample{iPhone, beta}, []sample{chrome, nothing}},
}

// TestConditions tries every row of the table of conditions, as an annotation
// and as a command line, in one release.
func TestConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.begin(ready)
	w.clients.begin("conditions", anyOf("v1", "v2"))
	unseen := maps.Clone(conditions)
	for _, row := range conditionRows(t) {
		c, ok := conditions[row.what]
		if !ok {
			t.Errorf("the page has a condition %q, and nothing is expected of it", row.what)
			continue
		}
		delete(unseen, row.what)
		w.write(map[string]string{intent.KeyMatch: row.annotation})
		w.wait("", "")
		w.tell(row.what+", by annotation", c.taken, c.left)
		w.shell("kubectl-grayscale policy reviews-v2 --clear-match --wait", nil)
		w.tell(row.what+", taken back", nil, c.taken)
		w.shell("kubectl-grayscale policy reviews-v2 "+row.flags+" --wait", nil)
		w.tell(row.what+", by flag", c.taken, c.left)
	}
	for what := range unseen {
		t.Errorf("the page has no condition %q", what)
	}
	w.clients.judge()
}

// tell sends requests until all are answered by whom they should be: proxies lag
// a moment behind what is delivered.
func (w *world) tell(what string, taken, left []sample) {
	w.t.Helper()
	w.eventually(what, func() (bool, string) {
		for _, list := range []struct {
			samples []sample
			want    string
		}{{taken, "v2"}, {left, "v1"}} {
			for _, s := range list.samples {
				if got := w.answer(s); got != list.want {
					return false, got + " answers " + s.query + " " + strings.Join(headersOf(s), ", ")
				}
			}
		}
		return true, ""
	})
}

func headersOf(s sample) []string {
	var out []string
	for name, value := range s.headers {
		out = append(out, name+": "+value)
	}
	return out
}

// conditionRow is a row of the page's table.
type conditionRow struct{ what, annotation, flags string }

var rowPattern = regexp.MustCompile("(?m)^\\| ([^|]+) \\| `(\\[[^`]+\\])` \\| `([^`]+)` \\|$")

func conditionRows(t *testing.T) []conditionRow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "match.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []conditionRow
	for _, m := range rowPattern.FindAllStringSubmatch(string(text), -1) {
		flags := m[3]
		if !strings.HasPrefix(flags, "--match ") {
			flags = "--match '" + flags + "'"
		}
		rows = append(rows, conditionRow{m[1], m[2], flags})
	}
	return rows
}
