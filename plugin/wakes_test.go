package plugin

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestUninstallTheControllerWakes, ends the release that is being ended by hand, and
// is gone again: what runs then, if anything, is ended before the controller is removed.
func TestUninstallTheControllerWakes(t *testing.T) {
	for _, begins := range []string{"", "next"} {
		w := running(t, release.Routing, nil)
		w.ok("install", "--image", "x:v1", "--drain", "0s", "--propagation-delay", "0s", "--wait=false")
		w.WithWatch = whileReading(w.WithWatch, func() {
			w.closed("reviews-v2", release.Cancelled)
			if begins != "" {
				claim := claimed(reviews, reviewsV1, begins, release.Routing, release.Policy{}).GetAnnotations()[intent.AnnotationStatus]
				w.annotate(reviews, map[string]*string{intent.AnnotationStatus: &claim})
				w.annotate(reviewsV1, map[string]*string{intent.KeyRelease: &begins, intent.KeyEnd: nil})
			}
		})
		said := w.ok("uninstall", "--cancel-running", "--timeout", "60s")
		for _, part := range []string{"ended by hand", "release shop/reviews-v2 is over: the controller returned, and ended it", "release shop/" + cmp.Or(begins, "reviews-v2") + " asked to cancel"} {
			if !strings.Contains(said, part) {
				t.Errorf("uninstall does not say %q: %s", part, said)
			}
		}
		if left := w.intent("reviews-v1"); len(left) > 0 {
			t.Errorf("an intent is left: %v", left)
		}
	}
}

// TestCancelLocallyTheControllerWakes: it has done what was asked for, or something
// else.
func TestCancelLocallyTheControllerWakes(t *testing.T) {
	for phase, c := range map[release.Phase]struct {
		code int
		says string
	}{
		release.Cancelled: {exitDone, "release shop/reviews-v2 cancelled by the controller, which has returned"},
		release.Finished:  {exitFailed, "release shop/reviews-v2 can't be cancelled any more: the controller has returned, and it ended as Finished"},
		"":                {exitDone, "release shop/reviews-v2 is over: Service shop/reviews is held by it no more"}, // nobody remembers
	} {
		w := running(t, release.Routing, nil)
		w.WithWatch = whileReading(w.WithWatch, func() { w.closed("reviews-v2", phase) })
		stdout, stderr, code := w.run("cancel", "reviews-v2", "--local")
		if said := stdout + stderr; code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("ended as %q: exit status %d, want %d, saying %q: %s", phase, code, c.code, c.says, said)
		}
	}
}

// TestByHandTheCancelIsTakenBack, by Git say, while the release is being ended: the same
// command asks again.
func TestByHandTheCancelIsTakenBack(t *testing.T) {
	for _, args := range []string{"uninstall --cancel-running", "cancel reviews-v2 --local"} {
		w := running(t, release.Routing, nil)
		w.ok("install", "--image", "x:v1", "--drain", "0s", "--propagation-delay", "0s", "--wait=false")
		w.WithWatch = whileReading(w.WithWatch, func() { w.annotate(reviewsV1, map[string]*string{intent.KeyEnd: nil}) })
		w.fails(exitFailed, []string{"somebody took the cancel back, which the same command asks for again"}, strings.Fields(args)...)
		w.ok(strings.Fields(args)...)
	}
}

// whileReading has something happen once, while what a release is ended by is read.
func whileReading(c client.WithWatch, happens func()) client.WithWatch {
	var once sync.Once
	return interceptor.NewClient(c, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if list.GetObjectKind().GroupVersionKind().Kind == "VirtualServiceList" {
				once.Do(happens)
			}
			return c.List(ctx, list, opts...)
		},
	})
}

// closed is what the controller leaves on the Service of a release that has ended in
// that way; without a phase, the history has forgotten it.
func (w world) closed(task string, phase release.Phase) {
	w.t.Helper()
	keys := map[string]*string{intent.AnnotationStatus: nil}
	if phase != "" {
		s := statusOfClaim(reviews, reviewsV1, task, phase, release.Policy{})
		kept := annotated(reviews, intent.AnnotationHistory, release.History{}.With(release.Entry{
			Task: task, Phase: phase, Original: s.Original.Name, Clone: s.Clone, Started: s.Started, Ended: noon,
		}, s.Original.UID, nil)).GetAnnotations()[intent.AnnotationHistory]
		keys[intent.AnnotationHistory] = &kept
	}
	w.annotate(reviews, keys)
}
