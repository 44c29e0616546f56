package content

import (
	"fmt"
	"strings"
)

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
		fmt.Fprintf(&b, "%q ", clip(f.Value))
	}
	b.WriteString(f.Why)
	if f.Right != "" {
		b.WriteString("; " + f.Right)
	}
	return b.String()
}

// clip keeps a hostile value from filling the answer.
func clip(s string) string {
	const most = 120
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
