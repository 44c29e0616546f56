package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// page collects the lines of a status.
type page struct {
	Terminal
	b strings.Builder
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// text writes a text that may be longer than a line, under a label. What follows
// its first line is there to be copied, and stays as it is.
func (p *page) text(label, text string, paint func(string) string) {
	const indent = "  "
	text, copied, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	for n, line := range Wrap(label+Tight(text), p.Width-len(indent)) {
		if n > 0 {
			line = indent + line
		}
		p.line("%s", paint(line))
	}
	for line := range strings.Lines(copied) {
		p.line("%s", indent+strings.TrimRight(line, "\n"))
	}
}

// Status prints a release as a page.
func Status(w io.Writer, t Terminal, r Release) error {
	p := &page{Terminal: t}
	p.header(r)
	if r.Status.Phase != "" {
		p.line("")
		p.versions(r)
		p.patch(r)
		p.contents(r)
	}
	p.news(r)
	p.commit(r)
	p.next(r)
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *page) header(r Release) {
	s := r.Status
	title := fmt.Sprintf("%s  %s release", p.Bold(s.Task), cmp.Or(s.Form, intent.Canary))
	if s.Form == "" && (r.Ended || r.Unreadable != "") { // nobody knows
		title = p.Bold(cmp.Or(s.Task, "?")) + "  release"
	}
	if s.Service.Name != "" {
		title += " of Service " + r.Namespace + "/" + s.Service.Name
	}
	p.line("%s", title)
	phase := p.phase(r)
	under := utf8.RuneCountInString(r.Phase()) + 2
	for n, line := range Wrap(r.Sentence(), p.Width-under) {
		if n > 0 {
			phase, line = "", strings.Repeat(" ", under-2)+line
		}
		p.line("%s", phase+"  "+line)
	}
	var facts []string
	if s.By != "" {
		facts = append(facts, "by "+s.By)
	}
	switch {
	case s.Ended != nil:
		facts = append(facts, "ended "+Age(r.Now, *s.Ended)+" ago", "took "+Age(*s.Ended, s.Started))
	case !s.Started.IsZero():
		facts = append(facts, "started "+Age(r.Now, s.Started)+" ago")
	}
	switch s.Finish {
	case intent.InPlace:
		facts = append(facts, "finishes in place")
	case intent.Replace:
		facts = append(facts, "finishes by replacing the original")
	}
	if len(facts) > 0 {
		for _, line := range Wrap(strings.Join(facts, ", "), p.Width) {
			p.line("%s", p.Dim(line))
		}
	}
}

func (p *page) phase(r Release) string {
	switch s := r.Status; {
	case s.Phase == release.Rejected, r.Phase() == "Refused", r.Unreadable != "", s.Is(release.Degraded):
		return p.Red(r.Phase())
	case s.Phase == release.TakenOver, s.Phase == release.Finished, s.Phase == release.Cancelled, s.Phase == release.Ready, s.Phase == release.Routing:
		return p.Green(r.Phase())
	}
	return p.Yellow(r.Phase())
}

// versions is the table of the two versions.
func (p *page) versions(r Release) {
	s := r.Status
	rows := [][]string{{"", "DEPLOYMENT", "VERSION"}}
	original := []string{"original", s.Original.Name, s.Original.Version}
	if r.Renewed != nil {
		original[2] += "->" + s.Grayscale.Version
	}
	grayscale := []string{"grayscale", s.Clone, s.Grayscale.Version}
	if !r.Ended {
		rows[0] = append(rows[0], "READY", "ASKED", "LIVE")
		askedOriginal, asked := weights(s, true)
		liveOriginal, live := weights(s, false)
		original = append(original, ready(s.Original), askedOriginal, liveOriginal)
		grayscale = append(grayscale, none(ready(s.Grayscale)), asked, live)
	}
	rows[0] = append(rows[0], "IMAGE")
	before, after := versionsImages(r)
	rows = append(rows, append(original, before), append(grayscale, after))
	if p.TTY { // elsewhere nothing is cut: somebody reads it later, or a program
		rows = p.fit(rows)
	}
	for n, line := range columns(rows, 2) {
		if p.TTY {
			line = Clip(line, p.Width)
		}
		if n == 0 {
			line = p.Dim(line)
		}
		p.line("%s", line)
	}
}

// fit makes the table as wide as the terminal: images lose their beginning, for
// two versions differ in the tags, and the names can be told from the versions.
func (p *page) fit(rows [][]string) [][]string {
	const tag = 12 // columns that most need
	if room(rows, p.Width, 2) < tag {
		for n, row := range rows {
			rows[n] = slices.Delete(row, 1, 2)
		}
	}
	left := room(rows, p.Width, 2)
	for _, row := range rows[1:] {
		last := len(row) - 1
		row[last] = ClipLeft(row[last], left)
	}
	return rows
}

// room is what the last column may take; below 0 where the others are too wide.
// The first row is as good as any: all are aligned.
func room(rows [][]string, width, gap int) int {
	var before [][]string
	for _, row := range rows {
		before = append(before, append(slices.Clone(row[:len(row)-1]), "|"))
	}
	return width - utf8.RuneCountInString(columns(before, gap)[0]) + 1
}

func ready(v release.Version) string { return fmt.Sprintf("%d/%d", v.Ready, v.Replicas) }

// none is a count of pods, or a dash where none are wanted.
func none(count string) string {
	if count == "0/0" {
		return "-"
	}
	return count
}

// news says what is waited for and what is wrong.
func (p *page) news(r Release) {
	before := p.b.Len()
	p.line("")
	s := r.Status
	switch {
	case r.Unreadable != "": // why, the error tells that comes with the page
		p.text("", "Its routes and Deployments stay as they are, and nothing moves.", plain)
	case s.Message != "":
		p.text("", s.Message, plain)
	case r.Commit != "":
		p.text("Waiting (WaitingForSource): ", r.Holds, p.Yellow)
	case r.Holds != "" && !r.Ended && !said(s, r.Holds):
		p.text("Waiting: ", r.Holds, p.Yellow)
	}
	for _, why := range r.Refused {
		for line := range strings.Lines(why) {
			p.text("Refused: ", strings.TrimSpace(line), p.Red)
		}
	}
	if !r.Ended {
		for _, c := range s.Conditions {
			p.condition(c, s.Phase.Ending())
		}
		if s.Strict != "" {
			p.text("No failover by Envoy: ", s.Strict, p.Yellow)
		}
	}
	if r.Down != "" && !r.Ended {
		p.text("Nothing moves: ", r.Down, p.Red)
	}
	if r.Stale != "" {
		p.text("As the controller last wrote it, for it can't be read anew: ", r.Stale, p.Dim)
	}
	if text := p.b.String(); strings.TrimSpace(text[before:]) == "" {
		p.b.Reset()
		p.b.WriteString(text[:before])
	}
}

// said says whether the release is Degraded by what it waits for: once is enough.
func said(s *release.Status, holds string) bool {
	c := s.Condition(release.Degraded)
	return c != nil && s.Is(release.Degraded) && c.Message == holds
}

// condition says what is not as it should be, and nothing else. On the way out
// pods and routes are meant to go.
func (p *page) condition(c metav1.Condition, ending bool) {
	is := c.Status == metav1.ConditionTrue
	label := fmt.Sprintf("%s (%s): ", c.Type, c.Reason)
	switch {
	case c.Type == release.Degraded && is:
		p.text(label, c.Message, p.Red)
	case c.Type == release.OriginalChanged && is:
		p.text(label, c.Message, p.Yellow)
	case (c.Type == release.PodsReady || c.Type == release.Routed) && !is && !ending:
		p.text("Not "+label, c.Message, plain)
	}
}

// next lists what the user can do.
func (p *page) next(r Release) {
	if len(r.Next) == 0 {
		return
	}
	p.line("")
	p.line("Next:")
	var rows [][]string
	for _, step := range r.Next {
		rows = append(rows, []string{"  " + step.Command, "# " + step.What})
	}
	lines := columns(rows, 2)
	if slices.ContainsFunc(lines, func(line string) bool { return utf8.RuneCountInString(line) > p.Width }) {
		for n := range lines { // a command is never cut: it is to be copied
			lines[n] = rows[n][0]
		}
	}
	for _, line := range lines {
		p.line("%s", line)
	}
}

func plain(s string) string { return s }

// Age is a time span as kubectl shows it: 12m, 3h, 2d.
func Age(now, then time.Time) string { return duration.HumanDuration(now.Sub(then)) }
