package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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

// TestTimeOutOfAReader: a read that is not even begun, for it would end behind
// the deadline, is the time-out, wherever it is.
func TestTimeOutOfAReader(t *testing.T) {
	const limiter = "client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline"
	timed := func(ctx context.Context) error { // as the limiter does, for the waits alone
		if _, ok := ctx.Deadline(); !ok {
			return nil
		}
		return errors.New(limiter)
	}
	lists := func(kind string) interceptor.Funcs {
		return interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if err := timed(ctx); err != nil && strings.HasPrefix(list.GetObjectKind().GroupVersionKind().Kind, kind) {
				return err
			}
			return c.List(ctx, list, options...)
		}}
	}
	gets := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
		if err := timed(ctx); err != nil {
			return err
		}
		return c.Get(ctx, key, o, options...)
	}}
	patches := interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
		if err := timed(ctx); err != nil {
			return err
		}
		return c.Patch(ctx, o, p, options...)
	}}
	wait := strings.Fields("wait reviews-v2 --for takeover --timeout 1m")
	rollout := strings.Fields("create --service reviews --image v2 --original-version v1 --timeout 1m")
	for name, c := range map[string]struct {
		world  world
		limits interceptor.Funcs
		says   string
		args   []string
	}{
		"the watch of a wait":    {running(t, release.Starting, nil), lists("Pod"), "timed out after 1m0s waiting until it has taken over; release shop/reviews-v2 goes on", wait},
		"a look of a wait":       {running(t, release.Starting, nil), lists("Service"), "status reviews-v2 -w", wait},
		"the watch of a rollout": {newWorld(t, reviews, versionless()), lists("Pod"), "timed out: the rollout of the original is not complete", rollout},
		"a look of a rollout":    {newWorld(t, reviews, versionless()), gets, "timed out: the rollout of the original is not complete", rollout},
		"a write by hand":        {running(t, release.Starting, nil), patches, "timed out: release shop/reviews-v2 is not yet cancelled", strings.Fields("cancel reviews-v2 --local --timeout 1m")},
	} {
		t.Run(name, func(t *testing.T) {
			c.world.t = t
			c.world.WithWatch = interceptor.NewClient(c.world.WithWatch, c.limits)
			c.world.fails(exitTimeout, []string{c.says}, c.args...)
		})
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
