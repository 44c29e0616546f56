package intent

import (
	"reflect"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Share is what the grayscale version gets of a Service's traffic.
type Share struct {
	Weight Weight         // of the requests that no rule takes
	Match  []content.Rule // whose requests all go there
	Mirror Weight         // of the original's requests that are copied to it
}

// Asked is what the grayscale version is to have, with form, traffic and end
// taken into account.
func (i Intent) Asked() Share {
	switch {
	case i.End == EndCancel || i.Traffic == TrafficOriginal:
		return Share{}
	case i.Traffic == TrafficGrayscale:
		return Share{Weight: Full}
	case i.Form == BlueGreen:
		return Share{} // its policy is the original, until traffic says otherwise
	case i.Weight == Full:
		return Share{Weight: Full} // which leaves nothing to a rule
	default:
		return Share{Weight: i.Weight, Match: i.Match, Mirror: i.Mirror}
	}
}

// All says whether the grayscale version has everything.
func (s Share) All() bool { return s.Weight == Full }

// None says whether it gets no request, and no copy of one.
func (s Share) None() bool { return s.Weight == 0 && len(s.Match) == 0 && s.Mirror == 0 }

// Meet gives what both shares give the grayscale version: no request goes there
// that one of them leaves to the original. Who has everything has every rule's
// requests, too.
func (s Share) Meet(other Share) Share {
	out := Share{Weight: min(s.Weight, other.Weight)}
	switch {
	case s.All():
		out.Match = other.Match
	case other.All():
		out.Match = s.Match
	default:
		for _, rule := range s.Match {
			if slices.ContainsFunc(other.Match, func(r content.Rule) bool { return reflect.DeepEqual(r, rule) }) {
				out.Match = append(out.Match, rule)
			}
		}
	}
	if out.Weight == 0 {
		out.Mirror = min(s.Mirror, other.Mirror)
	}
	return out
}
