// Package view shows releases: as a page, a table, JSON or YAML. It is given
// values and writes text.
package view

import (
	"io"
	"strconv"

	"golang.org/x/term"
)

// Terminal is what a stream can show.
type Terminal struct {
	// TTY says whether lines can be rewritten.
	TTY bool
	// Color says whether colours are wanted.
	Color bool
	// Width in columns; 80 where nobody knows.
	Width int
	// Bounded says that Width is known: from the terminal, or from COLUMNS.
	Bounded bool
}

// TerminalOf finds out what a stream can show. Colours need a terminal, and no
// NO_COLOR (https://no-color.org) in the environment.
func TerminalOf(w io.Writer, getenv func(string) string) Terminal {
	t := Terminal{Width: 80}
	if columns, err := strconv.Atoi(getenv("COLUMNS")); err == nil && columns > 0 {
		t.Width, t.Bounded = columns, true
	}
	file, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return t
	}
	t.TTY = getenv("TERM") != "dumb"
	t.Color = t.TTY && getenv("NO_COLOR") == ""
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		t.Width, t.Bounded = width, true
	}
	return t
}

func (t Terminal) paint(code, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold is for headings. Like the others it paints only where colours are wanted.
func (t Terminal) Bold(s string) string { return t.paint("1", s) }

// Dim is for what matters less.
func (t Terminal) Dim(s string) string { return t.paint("2", s) }

// Red is for what is wrong.
func (t Terminal) Red(s string) string { return t.paint("31", s) }

// Green is for what is done.
func (t Terminal) Green(s string) string { return t.paint("32", s) }

// Yellow is for what wants attention.
func (t Terminal) Yellow(s string) string { return t.paint("33", s) }
