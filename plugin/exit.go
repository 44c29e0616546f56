package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// The exit codes.
const (
	exitDone      = 0
	exitFailed    = 1 // failed or refused
	exitUsage     = 2 // wrong usage
	exitTimeout   = 3 // gave up waiting while it still runs
	exitInterrupt = 130
)

// coded is an error with the exit code that it ends the program with.
type coded struct {
	code int
	err  error // nil: everything has been said
}

func (c coded) Error() string {
	if c.err == nil {
		return fmt.Sprintf("exit status %d", c.code)
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

// misused is an error that the verb's help says more about.
type misused struct{ error }

func (m misused) Unwrap() error { return m.error }

func usage(format string, args ...any) error {
	return coded{exitUsage, misused{fmt.Errorf(format, args...)}}
}

// codeOf gives the exit code of an error.
func codeOf(err error) int {
	var c coded
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, context.Canceled):
		return exitInterrupt
	default:
		return exitFailed
	}
}

// refusal tells a refusal by an admission webhook from other answers, and gives
// its sentences without what the API server puts before them.
func refusal(err error) (sentences string, ok bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "", false
	}
	_, sentences, ok = strings.Cut(status.Status().Message, " denied the request: ")
	if first, rest, several := strings.Cut(sentences, "\n"); several && strings.HasSuffix(first, " is refused:") {
		return rest, ok // the object is named by whoever tells of the refusal
	}
	return sentences, ok
}

// noAnswer says whether the API server could not reach a webhook of ours.
func noAnswer(err error) bool {
	return apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed calling webhook") && strings.Contains(err.Error(), "grayscale.dev")
}

// friendly says what a user can do about an error of the API server's.
func (e *Env) friendly(ctx context.Context, err error) error {
	if sentences, ok := refusal(err); ok {
		return fmt.Errorf("refused:\n%s", bullets(writtenAsFlags(sentences)))
	}
	if noAnswer(err) {
		installed, _ := e.installation(ctx) // the answer is a hint alone
		return fmt.Errorf("the grayscale controller does not answer, so nothing was written (is it running? kubectl -n %s get pods): %w", cmp.Or(installed, manifests.Namespace), err)
	}
	return err
}

// unreachable says so when it was the way to the cluster that failed.
func unreachable(err error) error {
	var way *url.Error
	if errors.As(err, &way) && !way.Timeout() {
		return fmt.Errorf("the cluster can't be reached (is the context right?): %w", err)
	}
	return err
}

// bullets sets each line of several off from the others.
func bullets(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		fmt.Fprintf(&b, "  - %s\n", strings.TrimSpace(line))
	}
	return strings.TrimRight(b.String(), "\n")
}

// inFlags gives faults as the user of the command line wrote them: the flag's
// name in place of the annotation's key.
func inFlags(faults intent.Faults) error {
	for n := range faults {
		if strings.HasPrefix(faults[n].At, intent.Prefix) {
			faults[n].At = flagFor(faults[n].At)
		}
	}
	return fmt.Errorf("refused:\n%s", bullets(writtenAsFlags(faults.Error())))
}

// flagFor is how the command line says what an annotation's key does.
func flagFor(key string) string {
	switch key {
	case intent.KeyRelease:
		return "TASK"
	case intent.KeyPatch:
		return "--patch-file"
	case intent.KeyTraffic:
		return "takeover --to"
	case intent.KeyEnd, intent.KeyBy, intent.LabelTask, intent.LabelOf, intent.AnnotationStatus, intent.AnnotationHistory:
		return key // no flag says it
	}
	return "--" + strings.TrimPrefix(key, intent.Prefix)
}

// annotation is an annotation within a sentence: grayscale.dev/weight: "0".
var annotation = regexp.MustCompile(regexp.QuoteMeta(intent.Prefix) + `[a-z]+(: "?([^" ,;]+)"?)?`)

// plainly gives sentences without the mark that some end with: what can't be done
// and what would be right is said before it.
func plainly(sentences string) string {
	return strings.ReplaceAll(sentences, " ("+string(intent.Unsupported)+")", "")
}

// writtenAsFlags gives a sentence with flags in place of annotations.
func writtenAsFlags(sentence string) string {
	sentence = strings.NewReplacer(" ("+intent.KeyTraffic+")", "", "form: blue-green", "--form blue-green").Replace(plainly(sentence))
	return annotation.ReplaceAllStringFunc(sentence, func(s string) string {
		key, value, given := strings.Cut(s, ": ")
		if flagFor(key) == key {
			return s
		}
		if given {
			return flagFor(key) + " " + strings.Trim(value, `"`)
		}
		return flagFor(key)
	})
}
