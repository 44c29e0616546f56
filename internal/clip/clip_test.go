package clip_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{"", 3, ""},
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"größer als das", 7, "grö…"},
		{"größer als das", 6, "gr…"},
		{"ééé", 3, "…"},
		{strings.Repeat("a", 1024), 1024, strings.Repeat("a", 1024)},
		{strings.Repeat("é", 600), 1024, strings.Repeat("é", 510) + "…"},
		{strings.Repeat("😀", 300), 1024, strings.Repeat("😀", 255) + "…"},
	} {
		if got := clip.Text(c.s, c.most); got != c.want {
			t.Errorf("Text(%q, %d) is %q, want %q", c.s, c.most, got, c.want)
		}
	}
}

// TestTextProperties: what is cut is a beginning, fits, and is text where it was.
func TestTextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, most := rapid.String().Draw(t, "text"), rapid.IntRange(3, 40).Draw(t, "most")
		got := clip.Text(s, most)
		if len(got) > most || !utf8.ValidString(got) || got != s && (len(s) <= most || !strings.HasPrefix(s, strings.TrimSuffix(got, "…"))) {
			t.Fatalf("Text(%q, %d) is %q", s, most, got)
		}
	})
}
