package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
)

// TestIsRefused: what the API server does not take is told from what it could
// not do just then, and from a race.
func TestIsRefused(t *testing.T) {
	routes := schema.GroupResource{Group: "networking.istio.io", Resource: "virtualservices"}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"a policy":                       {apierrors.NewForbidden(routes, "reviews", errors.New("frozen")), true},
		"wrapped":                        {fmt.Errorf("updating: %w", apierrors.NewForbidden(routes, "reviews", errors.New("frozen"))), true},
		"a webhook's own code":           {&apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusTeapot}}, true},
		"a webhook that can't be called": {apierrors.NewInternalError(errors.New("failed calling webhook")), true},
		"invalid":                        {apierrors.NewBadRequest("no route"), true},
		"somebody wrote first":           {apierrors.NewConflict(routes, "reviews", errors.New("changed")), false},
		"it is gone":                     {apierrors.NewNotFound(routes, "reviews"), false},
		"too many requests":              {apierrors.NewTooManyRequests("wait", 1), false},
		"a time-out":                     {apierrors.NewTimeoutError("slow", 1), false},
		"a server that is down":          {apierrors.NewServiceUnavailable("down"), false},
		"no answer at all":               {errors.New("connection refused"), false},
	} {
		if got := apply.IsRefused(c.err); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
