package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Table prints releases, one a line. wide says more of each, and cuts nothing;
// namespaces says where each is.
func Table(w io.Writer, t Terminal, releases []Release, wide, namespaces bool) error {
	rows := Lines(releases, wide, namespaces)
	if t.Bounded && !wide {
		rows = Narrow(rows, t.Width, []string{"VERSIONS", "READY", "AGE"}, []string{"ASKED", "SERVICE"})
	}
	return Rows(w, t, wide, rows)
}

// Lines are the rows of a Table, its Header first.
func Lines(releases []Release, wide, namespaces bool) [][]string {
	rows := [][]string{Header(wide, namespaces)}
	for _, r := range releases {
		rows = append(rows, Row(r, wide, namespaces))
	}
	return rows
}

// Narrow leaves out columns that -o wide shows, too, where the last one would not be seen
// otherwise: more of them where it says anything, and itself only where it says nothing.
func Narrow(rows [][]string, width int, names, more []string) [][]string {
	need, says := 0, false
	for n, row := range rows {
		last := row[len(row)-1]
		need = max(need, utf8.RuneCountInString(last))
		says = says || n > 0 && last != "-"
	}
	if says {
		names = append(names, more...)
	}
	for _, name := range names {
		if room(rows, width, gap) >= min(need, len(release.ReasonWaitingForTraffic)) {
			break
		}
		n := slices.Index(rows[0], name)
		for r, row := range rows {
			rows[r] = slices.Delete(row, n, n+1)
		}
	}
	if !says && room(rows, width, gap) < need {
		for r, row := range rows {
			rows[r] = row[:len(row)-1]
		}
	}
	return rows
}

// gap is how far apart the columns of a table are, as kubectl has it.
const gap = 3

// Rows prints rows of cells, aligned as kubectl does. They keep to the width of
// the terminal, unless wide is asked for or nobody knows it.
func Rows(w io.Writer, t Terminal, wide bool, rows [][]string) error {
	lines := columns(rows, gap)
	if t.Bounded && !wide {
		for n, line := range lines {
			lines[n] = Clip(line, t.Width)
		}
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// Header names the columns of a Row.
func Header(wide, namespaces bool) []string {
	var cells []string
	if namespaces {
		cells = append(cells, "NAMESPACE")
	}
	cells = append(cells, "TASK", "SERVICE", "PHASE", "VERSIONS", "READY", "ASKED", "LIVE", "AGE")
	if wide {
		cells = append(cells, "FORM", "ORIGINAL", "GRAYSCALE", "BY", "DEGRADED")
	}
	return append(cells, "NOTE")
}

// Row is a release as cells under a Header.
func Row(r Release, wide, namespaces bool) []string {
	s := r.Status
	var cells []string
	if namespaces {
		cells = append(cells, r.Namespace)
	}
	age := "-"
	if !s.Started.IsZero() {
		age = Age(r.Now, s.Started)
	}
	cells = append(cells, s.Task, s.Service.Name, r.Phase(),
		fmt.Sprintf("%s->%s", s.Original.Version, s.Grayscale.Version), none(ready(s.Grayscale)), Share(s.Form, s.Asked()), live(s), age)
	if r.Unreadable != "" {
		cells[len(cells)-3] = "-" // nobody knows what was asked
	}
	degraded, note := "", r.Note()
	if c := s.Condition(release.Degraded); c != nil && s.Is(release.Degraded) {
		degraded = c.Reason
	}
	switch {
	case wide:
		cells = append(cells, string(s.Form), s.Original.Name, s.Clone, s.By, degraded)
	case degraded != "" && note != degraded:
		note = strings.TrimSuffix("Degraded: "+degraded+", "+note, ", ")
	}
	cells = append(cells, note)
	for n, cell := range cells {
		if cell == "" || cell == "->" {
			cells[n] = "-"
		}
	}
	return cells
}
