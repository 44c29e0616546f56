package content

import (
	"cmp"
	"slices"
)

// Compile gives the conditions that Istio can say: alternatives of which one
// must hold. It never fails for a Rule that Parse or ParseFlag gave; another one
// may have no alternatives, so that no request is the rule's.
//
// Every regular expression is of the whole value and within Istio's bound. The
// order of alternatives and conditions is the same for equal rules.
func (r Rule) Compile() Compiled {
	var common Alternative
	if r.Cookie != nil {
		whole, err := r.Cookie.expression()
		if err != nil {
			return nil
		}
		common = append(common, Condition{In: Header, Name: "cookie", Match: Match{Regex, whole}})
	}
	for name, match := range r.Headers {
		common = append(common, Condition{In: Header, Name: name, Match: match})
	}
	for name, match := range r.Query {
		common = append(common, Condition{In: Query, Name: name, Match: match})
	}
	var out Compiled
	for _, agents := range r.agents() {
		alternative := slices.Concat(common, agents)
		slices.SortFunc(alternative, func(a, b Condition) int {
			return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name), yesFirst(a.Not, b.Not),
				cmp.Compare(a.Match.Kind, b.Match.Kind), cmp.Compare(a.Match.Value, b.Match.Value))
		})
		out = append(out, alternative)
	}
	return out
}

func yesFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// agents gives the alternatives of os and browser together; one that is empty
// for a rule without them.
func (r Rule) agents() [][]Condition {
	systems, browsers := anyOf(osTable, r.OS), anyOf(browserTable, r.Browser)
	if len(r.OS) == 0 {
		systems = []agentCondition{{}}
	}
	if len(r.Browser) == 0 {
		browsers = []agentCondition{{}}
	}
	var out [][]Condition
	for _, system := range systems {
		for _, browser := range browsers {
			var conditions []Condition
			say := func(not bool, parts []string) {
				if len(parts) > 0 {
					conditions = append(conditions, Condition{In: Header, Name: "user-agent", Match: Match{Regex, somewhere(parts)}, Not: not})
				}
			}
			say(false, system.found)
			say(false, browser.found)
			say(true, slices.Concat(system.absent, browser.absent))
			out = append(out, conditions)
		}
	}
	return out
}
