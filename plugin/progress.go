package plugin

import (
	"fmt"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// progress shows on stderr what is going on: one line that is rewritten on a
// terminal, a line a change elsewhere.
type progress struct {
	e    *Env
	t    view.Terminal
	last string
}

func (e *Env) progress() *progress { return &progress{e: e, t: e.terminal(e.ErrOut)} }

// show tells the present state, once.
func (p *progress) show(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text == p.last {
		return
	}
	p.last = text
	if p.t.TTY {
		p.write("\r\x1b[K" + view.Clip(text, p.t.Width-1))
		return
	}
	p.write(text + "\n")
}

// note tells something that stays on the screen.
func (p *progress) note(format string, args ...any) {
	p.end()
	p.write(fmt.Sprintf(format, args...) + "\n")
	if p.t.TTY {
		p.write(view.Clip(p.last, p.t.Width-1))
	}
}

// end leaves the terminal's line clean for what comes next.
func (p *progress) end() {
	if p.t.TTY {
		p.write("\r\x1b[K")
	}
}

// keep leaves the last line standing: it is how the wait came out.
func (p *progress) keep() {
	if p.t.TTY {
		p.end()
		p.write(p.last + "\n")
		p.last = ""
	}
}

func (p *progress) write(s string) {
	// Nothing can be told to anyone when stderr is closed.
	_, _ = fmt.Fprint(p.e.ErrOut, s)
}
