package content

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
)

// mostValue is how many bytes of a value an answer repeats.
const mostValue = 120

// Fault is one thing that is wrong with a list of rules.
type Fault struct {
	At    string // the rule and the path in it: "rule 2: headers.end-user"
	Value string // the offending value, empty when it is missing
	Why   string // a clause: "is no header name"
	Right string // what would be right, an imperative clause
}

// Error gives the fault as one sentence.
func (f Fault) Error() string {
	var b strings.Builder
	if f.At != "" {
		b.WriteString(f.At + ": ")
	}
	if f.Value != "" {
		fmt.Fprintf(&b, "%q ", clip.Text(f.Value, mostValue))
	}
	b.WriteString(f.Why)
	if f.Right != "" {
		b.WriteString("; " + f.Right)
	}
	return b.String()
}
