package show

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (write it anew with -update); got:\n%s", path, got)
	}
}

func locale(lang string) func(string) string {
	return func(name string) string {
		if name == "LANG" {
			return lang
		}
		return ""
	}
}

// moments are pictures of the traffic, from the beginning of a release on.
var moments = []Traffic{
	{Version: "v2"},
	{Version: "v2", Rate: 1980.4, Done: 9214},
	{Version: "v2", Asked: 0.1, Seen: 0.031, Rate: 2001, Done: 431},
	{Version: "v2", Asked: 0.1, Seen: 0.102, Rate: 1204, Done: 3120, Needed: 10000},
	{Version: "v2", Asked: 0.25, Seen: 0.1799, Rate: 1204, Done: 3120, Needed: 10000, Failed: 12},
	{Version: "v2", Asked: 0.5, Seen: 0.5, Rate: 1204, Done: 9999, Needed: 10000},
	{Version: "v2", Asked: 0.5, Seen: 0.62, Rate: 1204, Done: 9999, Needed: 10000},
	{Version: "v2", Asked: 1, Seen: 1, Rate: 12345, Done: 123456},
	{Version: "v3-crash", Seen: 0.0001, Rate: 800, Done: 5000, Needed: 10000, Failed: 1},
}

func TestBar(t *testing.T) {
	for name, test := range map[string]struct {
		terminal view.Terminal
		lang     string
	}{
		"bar-100-color.txt": {view.Terminal{TTY: true, Color: true, Width: 100}, "en_US.UTF-8"},
		"bar-100.txt":       {view.Terminal{TTY: true, Width: 100}, "C.utf8"},
		"bar-80.txt":        {view.Terminal{TTY: true, Width: 80}, "de_DE.UTF-8"},
		"bar-60-ascii.txt":  {view.Terminal{TTY: true, Width: 60}, "C"},
		"bar-40.txt":        {view.Terminal{TTY: true, Width: 40}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			for _, m := range moments {
				line := Bar(test.terminal, locale(test.lang), m)
				if n := visible(line); n >= test.terminal.Width {
					t.Errorf("%q has %d columns: it would break at %d", line, n, test.terminal.Width)
				}
				all.WriteString(line + "\n")
			}
			golden(t, name, all.String())
		})
	}
}

func TestTheLocaleChoosesTheGlyphs(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want glyphs
	}{
		{nil, plain},
		{map[string]string{"LANG": "en_US.UTF-8"}, blocks},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, plain},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, blocks},
		{map[string]string{"LANG": "en_US.ISO-8859-1"}, plain},
	} {
		if got := glyphsFor(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: got %v, want %v", test.env, got, test.want)
		}
	}
}

// outcome is what a demo may have counted.
func outcome() []judge.Row {
	expect := func(phase string, share float64, moving bool) judge.Expect {
		return judge.Expect{Phase: phase, Original: "v1", Grayscale: "v2", Share: share, Moving: moving, Least: 5000}
	}
	counts := func(v1, v2, failed int) load.Counts {
		c := load.Counts{Requests: v1 + v2 + failed, Failed: failed, Versions: map[string]int{"v1": v1, "v2": v2}}
		if failed > 0 {
			c.Failures = []string{"status 503"}
		}
		return c
	}
	phases := []struct {
		expect           judge.Expect
		gateway, sidecar load.Counts
	}{
		{expect("start-up", 0, false), counts(9000, 0, 0), counts(9123, 0, 0)},
		{expect("to 10%", 0.1, true), counts(700, 10, 0), counts(650, 9, 0)},
		{expect("10%", 0.1, false), counts(4530, 490, 0), counts(4480, 530, 0)},
		{expect("to 100%", 1, true), counts(700, 10, 3), counts(650, 9, 0)},
		{expect("100%", 1, false), counts(0, 123456, 0), counts(1, 5000, 0)},
	}
	var all []judge.Expect
	var seen []load.Phase
	for _, p := range phases {
		all = append(all, p.expect)
		seen = append(seen, load.Phase{Targets: map[string]load.Counts{"gateway": p.gateway, "sidecar": p.sidecar}})
	}
	return judge.Rows(all, []string{"gateway", "sidecar"}, seen)
}

func TestTable(t *testing.T) {
	for name, terminal := range map[string]view.Terminal{
		"table-80.txt":       {Width: 80},
		"table-80-color.txt": {TTY: true, Color: true, Width: 80},
		"table-60.txt":       {Width: 60},
	} {
		t.Run(name, func(t *testing.T) {
			table := Table(terminal, outcome())
			for line := range strings.Lines(table) {
				if n := visible(strings.TrimSuffix(line, "\n")); n > terminal.Width {
					t.Errorf("%q has %d columns of %d", line, n, terminal.Width)
				}
			}
			golden(t, name, table)
		})
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestIndented(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"", "\n"},
		{"short", "  short\n"},
		{"NAME      READY", "  NAME      READY\n"},
		{"shop/reviews: Starting: every proxy must know", "  shop/reviews: Starting:\n    every proxy must know\n"},
		{"  event on pod reviews-v2: BackOff: restarting", "    event on pod reviews-v2:\n      BackOff: restarting\n"},
		{"\x1b[1mbold\x1b[0m words of twenty-four", "  \x1b[1mbold\x1b[0m words of twenty-four\n"},
	} {
		got := Indented(test.line, 30)
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.line, got, test.want)
		}
		for line := range strings.Lines(got) {
			if n := visible(strings.TrimSuffix(line, "\n")); n > 30 {
				t.Errorf("%q has %d columns of 30", line, n)
			}
		}
	}
}
