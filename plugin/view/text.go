package view

import (
	"strings"
	"unicode/utf8"
)

// Clip cuts a text that is too long for a line of that many columns, and says
// so by an ellipsis.
func Clip(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	return string([]rune(s)[:width-1]) + "…"
}

// ClipLeft is Clip for a text whose end tells more than its beginning.
func ClipLeft(s string, width int) string {
	r := []rune(s)
	switch {
	case len(r) <= width:
		return s
	case width < 1:
		return ""
	}
	return "…" + string(r[len(r)-width+1:])
}

// Wrap breaks a text at blanks into lines of at most that many columns, where
// words allow it.
func Wrap(s string, width int) []string {
	var lines []string
	var line string
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// Wide cuts like Clip, and does not count the codes of colours.
func Wide(s string, width int) string {
	if strings.Contains(s, "\x1b") {
		width += colorCodes(s)
	}
	return Clip(s, width)
}

// colorCodes counts the runes of a text that a terminal does not show.
func colorCodes(s string) int {
	n, in := 0, false
	for _, r := range s {
		if r == '\x1b' {
			in = true
		}
		if in {
			n++
			in = r != 'm'
		}
	}
	return n
}

// columns aligns rows of cells, gap blanks apart.
func columns(rows [][]string, gap int) []string {
	var widths []int
	for _, row := range rows {
		for n, cell := range row {
			if n == len(widths) {
				widths = append(widths, 0)
			}
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
