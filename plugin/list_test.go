package plugin

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// controllerWith is the controller's Deployment, with that many pods available.
func controllerWith(available int64) *unstructured.Unstructured {
	u := deployment(manifests.Controller, "v1", nil)
	u.SetNamespace(manifests.Namespace)
	u.Object["status"] = map[string]any{"availableReplicas": available}
	return u
}

// atTenPercent is the Service of a release that the controller wrote down as
// Routing, seven minutes ago.
func atTenPercent() *unstructured.Unstructured {
	status := statusOfClaim(reviews, reviewsV1, "reviews-v2", release.Routing, release.Policy{Weight: 1000, Traffic: "policy"})
	status.Live = &release.Live{Weight: 1000, Most: 1000, Routes: 2}
	u := annotated(reviews, intent.AnnotationStatus, status)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{
		{Manager: "controller", Operation: "Update", APIVersion: "v1", Time: ptr.To(metav1.NewTime(noon.Add(-7 * time.Minute))),
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:grayscale.dev/status":{}}}}`)},
		{Manager: "somebody", Operation: "Update", APIVersion: "v1", Time: ptr.To(metav1.NewTime(noon)),
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:selector":{}}}`)},
	})
	return u
}

// TestListsWhileTheControllerIsDown: nobody takes for the present what is old.
func TestListsWhileTheControllerIsDown(t *testing.T) {
	ours := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "10"}
	ends := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "10", "end": "cancel"}
	clone := deployment("reviews-v2", "v2", nil)
	clone.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	const byHand = "cancelled by hand; the Service is held until the controller returns"
	for name, c := range map[string]struct {
		available int64
		ours      map[string]string
		clone     bool
		blind     bool // the user may read no routes
		note      string
		live      string
	}{
		"up":                {1, ours, true, false, "", " 10% "},
		"down":              {0, ours, true, false, "the controller is down", " - "}, // there is no route
		"down and blind":    {0, ours, true, true, "as of 7m ago, the controller is down", " 10% "},
		"cancelled by hand": {0, ends, false, false, byHand, " - "},
		"asked to cancel":   {0, ends, true, false, "the controller is down", " - "},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []*unstructured.Unstructured{atTenPercent(), deployment("reviews-v1", "v1", c.ours), controllerWith(c.available)}
			if c.clone {
				objects = append(objects, clone)
			}
			w := newWorld(t, objects...)
			if c.blind {
				w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					if kind := list.GetObjectKind().GroupVersionKind(); kind.Group == "networking.istio.io" {
						return apierrors.NewForbidden(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, "", nil)
					}
					return inner.List(ctx, list, options...)
				}})
			}
			for _, verb := range []string{"list", "services"} {
				said := w.ok(verb)
				if !strings.Contains(said, c.note) || c.note == "" && strings.Contains(said, "down") {
					t.Errorf("%s does not say %q:\n%s", verb, c.note, said)
				}
				if verb == "list" && !strings.Contains(said, c.live) {
					t.Errorf("the live share is not %q:\n%s", c.live, said)
				}
			}
			if said := w.ok("list", "-o", "json"); c.note != "" && !strings.Contains(said, `"note": "`+c.note+`"`) {
				t.Errorf("the JSON lacks the note %q:\n%s", c.note, said)
			}
		})
	}
}

// TestListsKeepToTheWidth: a line is cut where the width is known, and never
// where a program or somebody with room reads it.
func TestListsKeepToTheWidth(t *testing.T) {
	w := crowd(t)
	for _, c := range []struct {
		columns string
		cut     bool
		args    string
	}{
		{"40", true, "list"}, {"40", true, "services"}, {"30", true, "history"}, {"40", true, "status ratings-v2 -o table"},
		{"", false, "list"}, {"", false, "services"},
		{"40", false, "list -o wide"}, {"40", false, "services -o wide"}, {"40", false, "history -o wide"}, {"40", false, "list -o json"},
	} {
		t.Setenv("COLUMNS", c.columns)
		stdout, _, _ := w.run(strings.Fields(c.args)...)
		widest := 0
		for line := range strings.Lines(stdout) {
			widest = max(widest, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
		}
		if got := strings.Contains(stdout, "…"); got != c.cut || c.cut != (widest <= 40) {
			t.Errorf("%s in %q columns is %d wide:\n%s", c.args, c.columns, widest, stdout)
		}
	}
}

// TestNarrowListsSayWhy: what is waited for is seen before what -o wide shows, too.
func TestNarrowListsSayWhy(t *testing.T) {
	w := crowd(t)
	for _, c := range []struct{ columns, verb, says, not string }{
		{"60", "list", "the controller is d…", "ASKED"},
		{"60", "services", "ratings-v2   Pending: pinning the", "WORKLOADS"},
		{"40", "history", "ENDE…", "VERSIONS"},
		{"45", "history", "ENDED   T…", "VERSIONS"},
		{"50", "history", "ENDED   TOOK", "VERSIONS"},
		{"60", "history", "VERSIONS   ENDED   TOOK", "->"},
	} {
		t.Setenv("COLUMNS", c.columns)
		if said := w.ok(c.verb); !strings.Contains(said, c.says) || strings.Contains(said, c.not) {
			t.Errorf("%s in %s columns does not say %q, or says %q:\n%s", c.verb, c.columns, c.says, c.not, said)
		}
	}
}

// TestListTellsWhatIsWaitedFor: also of what could not begin.
func TestListTellsWhatIsWaitedFor(t *testing.T) {
	status := statusOfClaim(reviews, reviewsV1, "reviews-v2", release.TakenOver, release.Policy{Traffic: "grayscale", End: "finish"})
	status.SetCondition(release.Progressing, true, release.ReasonWaitingForSource, "Helm manages the original", noon)
	ratings, ratingsV1 := service("ratings", map[string]string{"app": "ratings"}), deployment("ratings-v1", "v1", map[string]string{"release": "never", "image": "v1"})
	w := newWorld(t, annotated(reviews, intent.AnnotationStatus, status), deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2"}),
		ratings, ratingsV1, controllerWith(1))
	said := w.ok("list")
	for _, text := range []string{"WaitingForSource", "Refused", "is the image that runs already"} {
		if !strings.Contains(said, text) {
			t.Errorf("list does not say %q:\n%s", text, said)
		}
	}
}
