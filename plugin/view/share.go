package view

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Share is what a version gets, in a few words: "10%, 2 rules, mirror 5%". A
// blue-green version has all of the traffic or none.
func Share(form intent.Form, s intent.Share) string {
	return described(percent(form, s.Weight), len(s.Match), s.Mirror)
}

// live is what the routes give the grayscale version, in the same words. Where
// they differ, it is from the least to the most.
func live(s *release.Status) string {
	if s.Live == nil {
		return "-"
	}
	return described(span(s.Form, s.Live.Weight, s.Live.Most), len(s.Live.Match), s.Live.Mirror)
}

// shares says what is asked for and what is live: once, where they are the same.
func shares(s *release.Status) string {
	asked, live := Share(s.Form, s.Asked()), live(s)
	for _, share := range []*string{&asked, &live} {
		switch *share {
		case "-":
			*share = "nothing"
		case "none", "all":
			*share = strings.Replace(*share, "none", "no", 1) + " traffic"
		}
	}
	if asked == live {
		return live + " live"
	}
	return asked + " asked, " + live + " live"
}

// copiesOnly says whether the grayscale version is asked to have copies of requests
// and nothing else, and has nothing else.
func copiesOnly(s *release.Status) bool {
	asked := s.Asked()
	return s.Phase == release.Routing && asked.Mirror > 0 && asked.Weight == 0 && len(asked.Match) == 0 &&
		(s.Live == nil || s.Live.Most == 0 && len(s.Live.Match) == 0)
}

// spaced is a percentage as books set it.
var spaced = regexp.MustCompile(`(\d) %`)

// Tight gives a text with percentages as flags, tables and this package have them.
func Tight(text string) string { return spaced.ReplaceAllString(text, "$1%") }

// weights are the shares of traffic of both versions, as asked or as live.
func weights(s *release.Status, asked bool) (original, grayscale string) {
	if asked {
		w := s.Asked().Weight
		return percent(s.Form, intent.Full-w), percent(s.Form, w)
	}
	if s.Live == nil {
		return "-", "-"
	}
	return span(s.Form, intent.Full-s.Live.Most, intent.Full-s.Live.Weight), span(s.Form, s.Live.Weight, s.Live.Most)
}

func described(weight string, rules int, mirror intent.Weight) string {
	out := weight
	if rules > 0 {
		out += ", " + counted(rules, "rule")
	}
	if mirror > 0 {
		out += ", mirror " + mirror.String() + "%"
	}
	return out
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func span(form intent.Form, least, most intent.Weight) string {
	if least == most {
		return percent(form, least)
	}
	return least.String() + "-" + most.String() + "%"
}

func percent(form intent.Form, w intent.Weight) string {
	switch {
	case form == intent.BlueGreen && w == 0:
		return "none"
	case form == intent.BlueGreen && w == intent.Full:
		return "all"
	}
	return w.String() + "%"
}

// ruleStates says of every rule, asked for or live, how it stands.
func ruleStates(s *release.Status) (rows [][2]string) {
	asked, now := texts(s.Asked().Match), []string{}
	if s.Live != nil {
		now = texts(s.Live.Match)
	}
	for _, rule := range texts(s.Policy.Match) {
		state := "on hold" // what traffic or end say goes before
		switch live := slices.Contains(now, rule); {
		case slices.Contains(asked, rule) && live:
			state = "live"
		case slices.Contains(asked, rule):
			state = "coming"
		case live:
			state = "leaving"
		}
		rows = append(rows, [2]string{state, rule})
	}
	for _, rule := range now {
		if !slices.ContainsFunc(rows, func(row [2]string) bool { return row[1] == rule }) {
			rows = append(rows, [2]string{"leaving", rule})
		}
	}
	return rows
}

func texts(rules []content.Rule) []string {
	out := []string{}
	for _, r := range rules {
		out = append(out, r.String())
	}
	return out
}
