package show

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// Traffic is the state of the requests at one moment.
type Traffic struct {
	Version string  // the grayscale version
	Asked   float64 // its share as asked for, 0 to 1
	Seen    float64 // its share of the last answers, 0 to 1
	Rate    float64 // requests a second
	Done    int     // requests of the phase
	Needed  int     // how many the phase needs; 0: no number of them
	Failed  int     // requests that failed since the beginning
}

// A bar that is narrower than leastBar says nothing, and one that is wider
// than mostBar no more.
const leastBar, mostBar = 12, 40

// glyphs are what a bar is drawn with.
type glyphs struct{ full, empty, mark string }

var (
	blocks = glyphs{"█", "░", "┃"}
	plain  = glyphs{"#", ".", "|"}
)

// glyphsFor chooses by the locale: https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html
func glyphsFor(getenv func(string) string) glyphs {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(getenv(name)); value != "" {
			if strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8") {
				return blocks
			}
			return plain
		}
	}
	return plain
}

// Bar is the traffic in one line that fits the terminal: what is seen fills
// the bar, and a mark stands where the asked share is. What matters less goes
// first where the terminal is narrow.
func Bar(t view.Terminal, getenv func(string) string, now Traffic) string {
	left := "  " + now.Version + " asked " + Percent(now.Asked) + " "
	seen := fmt.Sprintf(" seen %6s", fmt.Sprintf("%.1f%%", 100*now.Seen))
	failed := fmt.Sprintf("  %d failed", now.Failed)
	// Numbers have a fixed width, so that the line stands still.
	count := fmt.Sprintf("  %7s requests", Number(now.Done))
	if needed := Number(now.Needed); now.Needed > now.Done {
		count = fmt.Sprintf("  %*s/%s", len(needed), Number(now.Done), needed)
	}
	rate := fmt.Sprintf("  %6s/s", Number(int(math.Round(now.Rate))))
	rest, width := "", 0
	for _, middle := range []string{rate + count, count, ""} {
		rest = seen + middle + failed
		if width = t.Width - 1 - utf8.RuneCountInString(left+"[]"+rest); width >= leastBar {
			break
		}
	}
	if now.Failed > 0 {
		rest = strings.Replace(rest, failed, t.Red(failed), 1)
	}
	if width < leastBar {
		return view.Wide(strings.TrimSuffix(left, " ")+rest, t.Width-1)
	}
	return left + "[" + cells(t, glyphsFor(getenv), min(width, mostBar), now) + "]" + rest
}

// cells draws the inside of the bar.
func cells(t view.Terminal, g glyphs, width int, now Traffic) string {
	filled := int(math.Round(now.Seen * float64(width)))
	if now.Seen > 0 {
		filled = max(filled, 1) // a single wrong request must be seen
	}
	mark := min(int(math.Round(now.Asked*float64(width))), width-1)
	var b strings.Builder
	run := func(from, to int) {
		full := max(min(to, filled)-from, 0)
		b.WriteString(t.Green(strings.Repeat(g.full, full)))
		b.WriteString(t.Dim(strings.Repeat(g.empty, to-from-full)))
	}
	run(0, mark)
	b.WriteString(t.Bold(g.mark))
	run(mark+1, width)
	return b.String()
}

// visible counts the columns of a text, colours apart.
func visible(s string) int {
	n, code := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			code = true
		case code:
			code = r != 'm'
		default:
			n++
		}
	}
	return n
}

// Percent writes a share, 0 to 1, as the plugin does: 10%, 0.5%.
func Percent(share float64) string { return fmt.Sprintf("%.4g%%", 100*share) }

// Number writes a number with its thousands apart: 12,345.
func Number(n int) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
