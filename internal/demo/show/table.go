package show

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

var header = []string{"PHASE", "PATH", "REQUESTS", "ASKED", "SEEN", "INTERVAL", "FAILED"}

// texts is how many of the columns, from the left, are texts; the others are
// numbers, and stand at the right of their column.
const texts = 2

// Table draws the result, a line for each phase and path. Columns move
// together where the terminal is narrow.
func Table(t view.Terminal, rows []judge.Row) string {
	cells := [][]string{header}
	last := ""
	for _, r := range rows {
		cells = append(cells, line(r, r.Phase == last))
		last = r.Phase
	}
	lines := align(cells, 2)
	if utf8.RuneCountInString(lines[0]) > t.Width {
		lines = align(cells, 1)
	}
	var b strings.Builder
	for n, text := range lines {
		switch {
		case n == 0:
			text = t.Dim(text)
		case len(rows[n-1].Faults) > 0:
			text = t.Red(text + " !") // seen without colours, too
		case rows[n-1].Moving:
			text = t.Dim(text)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

func line(r judge.Row, again bool) []string {
	phase := r.Phase
	if again {
		phase = ""
	}
	if r.Moving {
		return []string{phase, "both", Number(r.Requests), "", "", "", Number(r.Failed)}
	}
	return []string{phase, r.Path, Number(r.Requests), Percent(r.Share),
		fmt.Sprintf("%.1f%%", 100*r.Seen), fmt.Sprintf("%.1f-%.1f%%", 100*r.Low, 100*r.High), Number(r.Failed)}
}

// align pads cells to columns, gap blanks apart.
func align(rows [][]string, gap int) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for n, cell := range row {
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		padded := make([]string, len(row))
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < texts {
				padded[i] = cell + pad
			} else {
				padded[i] = pad + cell
			}
		}
		lines[n] = strings.TrimRight(strings.Join(padded, strings.Repeat(" ", gap)), " ")
	}
	return lines
}
