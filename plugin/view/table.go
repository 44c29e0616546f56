package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Table prints releases, one a line. wide says more of each; namespaces says
// where each is.
func Table(w io.Writer, releases []Release, wide, namespaces bool) error {
	rows := [][]string{Header(wide, namespaces)}
	for _, r := range releases {
		rows = append(rows, Row(r, wide, namespaces))
	}
	return Rows(w, rows)
}

// Rows prints rows of cells, aligned as kubectl does.
func Rows(w io.Writer, rows [][]string) error {
	_, err := io.WriteString(w, strings.Join(columns(rows, 3), "\n")+"\n")
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
		fmt.Sprintf("%s->%s", s.Original.Version, s.Grayscale.Version), ready(s.Grayscale), Share(s.Form, s.Asked()), live(s), age)
	if wide {
		degraded := ""
		if c := s.Condition(release.Degraded); c != nil && s.Is(release.Degraded) {
			degraded = c.Reason
		}
		cells = append(cells, string(s.Form), s.Original.Name, s.Clone, s.By, degraded)
	}
	cells = append(cells, r.Note())
	for n, cell := range cells {
		if cell == "" || cell == "->" {
			cells[n] = "-"
		}
	}
	return cells
}
