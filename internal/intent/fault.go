package intent

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
)

// mostValue is how many bytes of a value an answer repeats: one that is hostile
// fills it else.
const mostValue = 120

// Kind says what sort of refusal a Fault is.
type Kind string

// The kinds of refusal. They are shown to users and do not change.
const (
	Invalid     Kind = "Invalid"     // a value that is never right
	Required    Kind = "Required"    // a value that is missing
	Forbidden   Kind = "Forbidden"   // a value that is right elsewhere or at another time
	Conflict    Kind = "Conflict"    // another release or object is in the way
	Unsupported Kind = "Unsupported" // legal in the contract, but this version can't do it
)

// Fault is one thing that is wrong with what was asked.
type Fault struct {
	Kind  Kind
	At    string // the annotation's key, or the object: "Service shop/reviews"
	Value string // the offending value, empty when it is missing
	Why   string // a clause: "is above 100"
	Right string // what would be right, an imperative clause: "write 0 to 100"
	Risk  Risk   // who accepts it is not stopped by the fault; empty: nothing helps
}

// Error gives the fault as one sentence.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.At)
	if f.Value != "" {
		fmt.Fprintf(&b, ": %q", clip.Text(f.Value, mostValue))
	}
	fmt.Fprintf(&b, " %s", f.Why)
	if f.Right != "" {
		fmt.Fprintf(&b, "; %s", f.Right)
	}
	if f.Risk != "" {
		fmt.Fprintf(&b, ", or accept the risk with %s: %s", KeyAccept, f.Risk)
	}
	if f.Kind == Unsupported {
		b.WriteString(" (Unsupported)")
	}
	return b.String()
}

// Faults are all that is wrong with one write.
type Faults []Fault

// Error joins the faults, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Err gives nil for no faults, so that a caller can return it as an error.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// Unaccepted gives the faults whose risk the user has not accepted.
func (fs Faults) Unaccepted(i Intent) Faults {
	var out Faults
	for _, f := range fs {
		if f.Risk == "" || !i.Accepts(f.Risk) {
			out = append(out, f)
		}
	}
	return out
}
