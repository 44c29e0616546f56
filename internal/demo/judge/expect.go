// Package judge says whether the requests of the demo's phases came out as
// they had to. It is given values, and has no clock, cluster or terminal.
package judge

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// Sigmas is how many standard deviations a share may be away from the one
// that was asked for: by chance alone one share in 1.7 million is further off.
const Sigmas = 5

// Expect is what the requests of one phase must show.
type Expect struct {
	// Phase names it, in a few letters.
	Phase string
	// Original and Grayscale are the versions that may answer.
	Original, Grayscale string
	// Share of the requests that the grayscale version must get, 0 to 1.
	Share float64
	// Moving says that Share is only on its way to the proxies: requests must
	// not fail, and either version may answer.
	Moving bool
	// Least is how many requests each path needs for the share to mean anything.
	Least int
}

// Row is one line of the result: a phase on one path, or on all paths together
// where the share is Moving.
type Row struct {
	Expect
	Path     string // empty: all
	Requests int
	Failed   int
	Seen     float64 // share of the answers that the grayscale version gave, 0 to 1
	Low      float64 // the shares that chance may turn into Seen
	High     float64
	Faults   []string // why the demo fails; none: it does not
}

// Rows judges the phases, in their order. The expectations are those of the
// phases at the same place.
func Rows(expect []Expect, paths []string, phases []load.Phase) []Row {
	var rows []Row
	for n, phase := range phases[:min(len(phases), len(expect))] {
		if expect[n].Moving {
			rows = append(rows, row(expect[n], "", phase.Total()))
			continue
		}
		for _, path := range paths {
			rows = append(rows, row(expect[n], path, phase.Targets[path]))
		}
	}
	return rows
}

func row(e Expect, path string, c load.Counts) Row {
	r := Row{Expect: e, Path: path, Requests: c.Requests, Failed: c.Failed}
	answers, grayscale := c.Requests-c.Failed, c.Versions[e.Grayscale]
	if answers > 0 {
		r.Seen = float64(grayscale) / float64(answers)
	}
	r.Low, r.High = load.Interval(answers, grayscale, Sigmas)
	if c.Failed > 0 {
		r.fault("%d of %d requests failed: %s", c.Failed, c.Requests, first(c.Failures))
	}
	if foreign := answers - grayscale - c.Versions[e.Original]; foreign > 0 {
		r.fault("%d of %d answers came from neither %s nor %s", foreign, answers, e.Original, e.Grayscale)
	}
	if e.Moving {
		return r
	}
	if c.Requests < e.Least {
		r.fault("%d requests, and %d are needed to tell", c.Requests, e.Least)
	}
	if !load.Within(e.Share, answers, grayscale, Sigmas) {
		r.fault("%d of %d answers came from %s, which is %.5g%%: more than %d standard deviations from %.4g%%",
			grayscale, answers, e.Grayscale, 100*r.Seen, Sigmas, 100*e.Share)
	}
	return r
}

// fault notes why a row is not as it should be, and says where.
func (r *Row) fault(format string, args ...any) {
	where := "phase " + r.Phase
	if r.Path != "" {
		where += ", " + r.Path
	}
	r.Faults = append(r.Faults, where+": "+fmt.Sprintf(format, args...))
}

func first(failures []string) string {
	if len(failures) == 0 {
		return "no reason given"
	}
	return strings.TrimSpace(failures[0])
}

// Faults are those of all rows.
func Faults(rows []Row) []string {
	var faults []string
	for _, r := range rows {
		faults = append(faults, r.Faults...)
	}
	return faults
}
