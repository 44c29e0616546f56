package plugin

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestUninstallFromAControllerThatBlinks: what it begins just before it is seen to be
// down is ended, and not left behind.
func TestUninstallFromAControllerThatBlinks(t *testing.T) {
	w := newWorld(t, reviews, deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2"}))
	w.ok("install", "--image", "x:v1", "--drain", "0s", "--propagation-delay", "0s", "--wait=false")
	clone := deployment("reviews-v2", "v2", nil)
	clone.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
			if u.GetName() == "reviews-v1" && u.GetAnnotations()[intent.KeyRelease] != "" {
				status := claimed(reviews, reviewsV1, "reviews-v2", release.Starting, release.Policy{}).GetAnnotations()[intent.AnnotationStatus]
				world{t, c}.annotate(reviews, map[string]*string{intent.AnnotationStatus: &status})
				if err := c.Create(ctx, clone.DeepCopy()); err != nil {
					t.Error(err)
				}
			}
			return c.Patch(ctx, u, p, opts...)
		},
	})
	if said := w.ok("uninstall", "--cancel-running", "--timeout", "60s"); !strings.Contains(said, "ended by hand") {
		t.Errorf("uninstall does not say who ends the release: %s", said)
	}
	if _, err := w.deployment("reviews-v2"); !apierrors.IsNotFound(err) {
		t.Errorf("the grayscale version is left (%v)", err)
	}
}

// TestUninstallNamesWhatRuns, also where the time-out comes while it looks.
func TestUninstallNamesWhatRuns(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.ok("install", "--image", "x:v1", "--wait=false")
	w.available(2)
	asked := false
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
			asked = true
			return c.Patch(ctx, u, p, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if asked {
				return context.DeadlineExceeded
			}
			return c.List(ctx, list, opts...)
		},
	})
	w.fails(exitTimeout, []string{"timed out: still running: shop/reviews-v2\n"}, "uninstall", "--cancel-running")
}

// TestUninstallIsWrittenBack: who takes back what was asked for is answered, each time
// that they write, and no more often.
func TestUninstallIsWrittenBack(t *testing.T) {
	for name, c := range map[string]struct {
		same bool // in the same write, so that nothing is ever stored
		asks int
	}{
		"by Git, later on":               {false, 2},
		"by a policy, in the same write": {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, release.Routing, nil)
			w.ok("install", "--image", "x:v1", "--wait=false")
			w.available(2)
			looks, asked, written := 0, false, false
			w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
				Patch: func(ctx context.Context, inner client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
					if c.same {
						return inner.Get(ctx, client.ObjectKeyFromObject(u), u)
					}
					asked = true
					return inner.Patch(ctx, u, p, opts...)
				},
				List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					at := world{t, inner}
					if looks++; looks == 12 {
						at.closed("reviews-v2", release.Cancelled)
					}
					if asked && !written {
						at.annotate(reviewsV1, map[string]*string{intent.KeyEnd: nil})
						written = true
					}
					at.annotate(reviews, map[string]*string{"look": ptr.To(fmt.Sprint(looks))}) // so that there is another
					return inner.List(ctx, list, opts...)
				},
			})
			said := w.ok("uninstall", "--cancel-running", "--timeout", "20s")
			if got := strings.Count(said, "release shop/reviews-v2 asked to cancel"); got != c.asks {
				t.Errorf("asked to cancel %d times, want %d: %s", got, c.asks, said)
			}
		})
	}
}
