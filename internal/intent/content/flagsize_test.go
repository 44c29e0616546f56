package content_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// TestALongFlag: a rule of the command line is no longer than the annotation may be, and
// is not read before that is known.
func TestALongFlag(t *testing.T) {
	_, err := content.ParseFlag("headers.x=" + strings.Repeat("x", content.MaxBytes))
	var fault content.Fault
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "4106 bytes") {
		t.Errorf("got %v, want a fault that says how long it is", err)
	}
}
