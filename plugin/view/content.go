package view

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// contents says which requests go to the grayscale version by their content, and
// which are copied to it.
func (p *page) contents(r Release) {
	if r.Ended {
		return
	}
	s := r.Status
	if rows := ruleStates(s); len(rows) > 0 {
		p.line("")
		p.line("Requests for the grayscale version by content:")
		for _, row := range rows { // never cut: a rule is there to be copied
			p.line("  %-7s  %s", row[0], row[1])
		}
	}
	var live intent.Weight
	if s.Live != nil {
		live = s.Live.Mirror
	}
	if asked := s.Asked().Mirror; asked > 0 || live > 0 {
		p.line("")
		p.text("", fmt.Sprintf("Copied to the grayscale version: %s%% of the original's requests asked, %s%% live", asked, live), plain)
	}
}

// commit is a change that the user is waited for with, ready to be copied.
func (p *page) commit(r Release) {
	if r.Commit == "" {
		return
	}
	p.line("")
	p.line("To be committed, as a patch:")
	for line := range strings.Lines(r.Commit) {
		p.line("  %s", strings.TrimRight(line, "\n"))
	}
}
