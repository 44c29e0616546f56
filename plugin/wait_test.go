package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var quiet = genericiooptions.NewTestIOStreamsDiscard()

// written gives the path of a file that holds the text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// background runs a command line beside the test.
func (w world) background(ctx context.Context, args ...string) <-chan []any {
	done := make(chan []any, 1)
	go func() {
		stdout, stderr, code := w.runUntil(ctx, args...)
		done <- []any{stdout + stderr, code}
	}()
	return done
}

func TestWaitForEnd(t *testing.T) {
	w := running(t, release.Cancelling, map[string]string{"end": "cancel"})
	done := w.background(t.Context(), "wait", "reviews-v2", "--for", "end", "--timeout", "20s")
	// The controller closes the claim, and takes the intent away.
	history := past(reviews, reviewsV1, "reviews-v2").GetAnnotations()[intent.AnnotationHistory]
	w.annotate(reviews, map[string]*string{intent.AnnotationStatus: nil, intent.AnnotationHistory: ptr.To(history)})
	got := <-done
	if said := got[0].(string); got[1] != exitDone || !strings.Contains(said, "shop/reviews-v2: Cancelled") {
		t.Errorf("exit status %v: %s", got[1], said)
	}
}

// TestWaitSaysOnce: what is reached is the result, and no progress.
func TestWaitSaysOnce(t *testing.T) {
	w := newWorld(t, past(reviews, reviewsV1, "reviews-v2"), reviewsV1)
	stdout, stderr, code := w.run("wait", "reviews-v2", "--for", "end", "--timeout", "20s")
	if code != exitDone || strings.Count(stdout, "shop/reviews-v2: Cancelled") != 1 || stderr != "" {
		t.Errorf("exit status %d: %q, and beside it %q", code, stdout, stderr)
	}
}

func TestFinishThatIsCancelled(t *testing.T) {
	w := running(t, release.TakenOver, map[string]string{"traffic": "grayscale"})
	done := w.background(t.Context(), "finish", "reviews-v2", "--wait", "--timeout", "20s")
	history := past(reviews, reviewsV1, "reviews-v2").GetAnnotations()[intent.AnnotationHistory]
	for w.intent("reviews-v1")["end"] == "" { // until finish has written
		select {
		case got := <-done:
			t.Fatalf("finish was over too soon: %v", got)
		default:
		}
	}
	w.annotate(reviews, map[string]*string{intent.AnnotationStatus: nil, intent.AnnotationHistory: ptr.To(history)})
	got := <-done
	if said := got[0].(string); got[1] != exitFailed || !strings.Contains(said, "ended as Cancelled and not as Finished") {
		t.Errorf("exit status %v: %s", got[1], said)
	}
}

func TestWaitTimesOut(t *testing.T) {
	w := running(t, release.Starting, nil)
	began := time.Now()
	w.fails(exitTimeout, []string{"timed out after 300ms waiting until it has taken over; release shop/reviews-v2 goes on: kubectl grayscale status reviews-v2 -w -n shop"},
		"wait", "reviews-v2", "--for", "takeover", "--timeout", "300ms")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWaitIsInterrupted(t *testing.T) {
	w := running(t, release.Starting, nil)
	ctx, interrupt := context.WithCancel(t.Context())
	done := w.background(ctx, "wait", "reviews-v2", "--for", "takeover")
	interrupt()
	got := <-done
	if got[1] != exitInterrupt {
		t.Errorf("exit status %v: %s", got[1], got[0])
	}
}

func TestWaitForWhatIsCancelled(t *testing.T) {
	w := running(t, release.Cancelling, map[string]string{"end": "cancel"})
	w.fails(exitFailed, []string{"release shop/reviews-v2 is Cancel"}, "wait", "reviews-v2", "--for", "ready", "--timeout", "20s")
}
