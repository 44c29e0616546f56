package webhook

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// How much an answer says at most. The API server cuts warnings itself, at 256
// characters where there are many.
const (
	mostLines = 24
	mostRunes = 1000
)

// answer turns a verdict into a response: every fault in a line of its own, and
// as a cause that programs can read.
func answer(subject string, v decide.Verdict) admission.Response {
	warnings := make([]string, 0, len(v.Warnings))
	for _, w := range v.Warnings[:min(len(v.Warnings), mostLines)] {
		warnings = append(warnings, clean(w))
	}
	if len(v.Faults) == 0 {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	lines := []string{clean(subject) + " is refused:"}
	details := &metav1.StatusDetails{}
	for _, f := range v.Faults[:min(len(v.Faults), mostLines)] {
		lines = append(lines, clean(f.Error()))
		details.Causes = append(details.Causes, metav1.StatusCause{
			Type: metav1.CauseType(f.Kind), Field: clean(f.At), Message: clean(f.Error()),
		})
	}
	if more := len(v.Faults) - mostLines; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	response := admission.Denied(strings.Join(lines, "\n"))
	response.Result.Details = details
	return response.WithWarnings(warnings...)
}

// clean makes a line fit for any reader: bounded, valid UTF-8, one line.
func clean(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line) // which replaces bytes that are no UTF-8, too
	if runes := []rune(line); len(runes) > mostRunes {
		line = string(runes[:mostRunes]) + "…"
	}
	return line
}
