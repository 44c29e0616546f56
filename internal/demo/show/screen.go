package show

import (
	"io"
	"strings"
	"sync"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// indent is what a command's output stands behind.
const indent = "  "

// Screen is a page that grows, with one live line below it on a terminal. It
// is safe for several goroutines.
type Screen struct {
	// Out gets everything; what it says of its terminal may change.
	Out      io.Writer
	Terminal func() view.Terminal

	mu   sync.Mutex
	live string
}

// Live shows a line below the page, in place of the one before. Elsewhere than
// on a terminal it is not shown.
func (s *Screen) Live(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Terminal().TTY || text == s.live {
		return
	}
	s.live = text
	s.write("\r\x1b[K" + text)
}

// Print adds lines to the page.
func (s *Screen) Print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == "" {
		s.write(text)
		return
	}
	s.write("\r\x1b[K" + text + s.live)
}

// Act begins a step: a title, and why it is done.
func (s *Screen) Act(title, why string) {
	t := s.Terminal()
	s.Print("\n" + t.Bold("== "+title) + "\n")
	s.Say(why)
}

// Say prints a text, broken at the terminal's width.
func (s *Screen) Say(text string) {
	var b strings.Builder
	for _, line := range view.Wrap(text, s.Terminal().Width) {
		b.WriteString(line + "\n")
	}
	s.Print(b.String())
}

// Command prints a command as a user types it. One that is too long for the
// terminal is broken as a shell reads it: it is to be copied.
func (s *Screen) Command(line string) {
	t := s.Terminal()
	const prompt, goesOn = "$ ", " \\"
	parts := []string{line}
	if len(prompt+line) > t.Width {
		parts = view.Wrap(line, t.Width-len(prompt+indent+goesOn))
	}
	for n, part := range parts {
		parts[n] = t.Bold(part)
	}
	s.Print("\n" + t.Dim(prompt) + strings.Join(parts, goesOn+"\n"+strings.Repeat(" ", len(prompt+indent))) + "\n")
}

// Output gives a writer that prints the lines of a command's output, indented
// and broken at the terminal's width. Close prints a last line without an end.
func (s *Screen) Output() io.WriteCloser { return &output{screen: s} }

type output struct {
	screen *Screen
	mu     sync.Mutex
	rest   string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest += string(p)
	for {
		line, rest, ended := strings.Cut(o.rest, "\n")
		if !ended {
			return len(p), nil
		}
		o.rest = rest
		o.screen.Print(Indented(line, o.screen.Terminal().Width))
	}
}

func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rest != "" {
		o.screen.Print(Indented(o.rest, o.screen.Terminal().Width))
		o.rest = ""
	}
	return nil
}

// Indented is a line of output as the page has it. A line that fits keeps its
// blanks: it may be part of a table. One that does not is broken at words, what
// follows further in.
func Indented(line string, width int) string {
	if line == "" {
		return "\n"
	}
	if len(indent)+visible(line) <= width {
		return indent + line + "\n"
	}
	own := line[:len(line)-len(strings.TrimLeft(line, " "))]
	var b strings.Builder
	for n, part := range view.Wrap(line, width-len(indent)-len(own)-len(indent)) {
		if n > 0 {
			part = indent + part
		}
		b.WriteString(indent + own + part + "\n")
	}
	return b.String()
}

func (s *Screen) write(text string) {
	// Whoever closed stdout does not want to read it.
	_, _ = io.WriteString(s.Out, text)
}

// Inside is the width that a command's output has.
func (s *Screen) Inside() int { return s.Terminal().Width - len(indent) }
