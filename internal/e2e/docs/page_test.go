package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pages are those whose examples are tried, beside the root of the tree.
var pages = []string{"docs/policies.md", "docs/ends.md"}

// The info strings of blocks that are tried.
const (
	byPlugin     = "sh grayscale"
	byAnnotation = "yaml annotation"
)

// section is a heading of a page with the blocks below it.
type section struct {
	page, title string
	blocks      []block
}

// block is a fenced block of a page.
type block struct{ info, text string }

// name is how the expectations call a section: "policies: Start a release".
func (s section) name() string {
	return strings.TrimSuffix(filepath.Base(s.page), ".md") + ": " + s.title
}

// of gives the texts of the blocks with that info string.
func (s section) of(info string) []string {
	var out []string
	for _, b := range s.blocks {
		if b.info == info {
			out = append(out, b.text)
		}
	}
	return out
}

// files are the blocks that a command line reads: their info string ends with
// the file's name.
func (s section) files() map[string]string {
	out := map[string]string{}
	for _, b := range s.blocks {
		if _, name, ok := strings.Cut(b.info, " "); ok && strings.Contains(name, ".") {
			out[name] = b.text
		}
	}
	return out
}

// tried says whether a section shows something to try.
func (s section) tried() bool { return len(s.of(byPlugin))+len(s.of(byAnnotation)) > 0 }

// read takes a page apart. A block that does not end is an error.
func read(page, text string) ([]section, error) {
	sections := []section{{page: page}}
	var open *block
	for line := range strings.SplitSeq(text, "\n") {
		last := &sections[len(sections)-1]
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && isFence:
			last.blocks = append(last.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case isFence:
			open = &block{info: strings.TrimSpace(fence)}
		case strings.HasPrefix(line, "#"):
			sections = append(sections, section{page: page, title: strings.TrimSpace(strings.TrimLeft(line, "#"))})
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: a block %q does not end", page, open.info)
	}
	return sections, nil
}

// allSections reads all pages.
func allSections(t *testing.T) []section {
	t.Helper()
	var out []section
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		sections, err := read(page, string(text))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sections...)
	}
	return out
}
