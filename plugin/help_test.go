package plugin

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpOfNoVerb is refused as the verb itself is, and no help of something else.
func TestHelpOfNoVerb(t *testing.T) {
	w := newWorld(t)
	w.fails(exitUsage, []string{`"polcy" is not a verb of kubectl grayscale; did you mean policy?`}, "help", "polcy")
	w.fails(exitUsage, []string{`"extra" is not a verb`}, "help", "policy", "extra")
	if said := w.ok("help", "policy"); !strings.Contains(said, "kubectl grayscale policy TASK") {
		t.Errorf("the help is\n%s", said)
	}
}

// TestHelpIsHinted where the help says more, and not where a release is missing.
func TestHelpIsHinted(t *testing.T) {
	w := newWorld(t)
	w.fails(exitUsage, []string{"See 'kubectl grayscale diff --help'"}, "diff")
	if _, said, code := w.run("diff", "nosuch"); code != exitUsage || strings.Contains(said, "--help") {
		t.Errorf("exit status %d: %s", code, said)
	}
}

// TestHelpFits: nothing but commands, which are to be copied, is wider than 80 columns,
// and flags keep to what there is. The list of the verbs does, too.
func TestHelpFits(t *testing.T) {
	w := newWorld(t)
	verbs := []string{""}
	for _, verb := range Root(NewEnv("kubectl grayscale", quiet)).Commands() {
		verbs = append(verbs, verb.Name())
	}
	for _, verb := range verbs {
		for _, columns := range []int{60, 80} {
			t.Setenv("COLUMNS", strconv.Itoa(columns))
			help, flags, _ := strings.Cut(w.ok(append(strings.Fields(verb), "--help")...), "\nFlags")
			for line := range strings.Lines(help) {
				if utf8.RuneCountInString(line) > 81 && !strings.Contains(line, "kubectl") {
					t.Errorf("%s: too wide: %s", verb, line)
				}
			}
			for line := range strings.Lines(flags) {
				if utf8.RuneCountInString(line) > columns+1 && !strings.HasPrefix(line, "Flags") && !strings.HasPrefix(line, " of every verb") {
					t.Errorf("%s: wider than %d columns: %s", verb, columns, line)
				}
			}
		}
	}
}
