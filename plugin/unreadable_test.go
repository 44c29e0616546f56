package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// unreadable is a release at 50 % whose status is as change makes it.
func unreadable(t *testing.T, change func(string) string) world {
	t.Helper()
	status, err := json.Marshal(statusOfClaim(reviews, reviewsV1, "reviews-v2", release.Routing, release.Policy{Weight: 5000, Traffic: "policy"}))
	if err != nil {
		t.Fatal(err)
	}
	held := reviews.DeepCopy()
	held.SetAnnotations(map[string]string{intent.AnnotationStatus: change(string(status))})
	clone := deployment("reviews-v2", "v2", nil)
	clone.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	original := deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "50"})
	return newWorld(t, held, clone, original, controllerWith(1))
}

// TestUnreadable: a release whose status this version can't read is seen to run,
// and nobody takes it for one that has not begun.
func TestUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		says   string
	}{
		"of another schema": {func(s string) string { return strings.Replace(s, `"schema":1`, `"schema":0`, 1) }, "running, not readable by this version (schema 0)"},
		"cut off":           {func(s string) string { return s[:20] }, "running, not readable by this version (its status is damaged)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := unreadable(t, c.change)
			ways := []string{c.says, "kubectl -n shop annotate deployment/reviews-v1 grayscale.dev/release-\n", "kubectl -n shop annotate service/reviews grayscale.dev/status-"}
			w.fails(exitFailed, []string{"has release shop/reviews-v2 already"}, "create", "other", "--workload", "deploy/reviews-v1", "--image", "v3", "--version", "v3")
			for _, verb := range [][]string{
				{"status", "reviews-v2"}, {"status", "svc/reviews", "-w"}, {"status", "deploy/reviews-v2", "-o", "json"}, {"cancel", "reviews-v2"}, {"cancel", "reviews-v2", "--local"},
				{"finish", "reviews-v2"}, {"policy", "reviews-v2", "--weight", "10"}, {"takeover", "deploy/reviews-v1"}, {"wait", "reviews-v2", "--for", "end"},
			} {
				w.fails(exitFailed, ways, verb...)
			}
			if got := w.intent("reviews-v1"); got["release"] != "reviews-v2" || got["end"] != "" || got["weight"] != "50" {
				t.Errorf("the intent is %v", got)
			}
			page, _, _ := w.run("status", "reviews-v2")
			if !strings.HasPrefix(page, "reviews-v2  release of Service shop/reviews\nUnreadable  "+c.says+"\n") {
				t.Errorf("the page is\n%s", page)
			}
			list := w.ok("list")
			if strings.Count(list, "\n") != 2 || !strings.Contains(list, "reviews-v2   reviews   Unreadable   -          -       -       -      -     "+c.says) {
				t.Errorf("the list is\n%s", list)
			}
			if services := w.ok("services"); !strings.Contains(services, "reviews   busy    reviews-v2   reviews-v1,reviews-v2   Unreadable: "+c.says) {
				t.Errorf("the Services are\n%s", services)
			}
			stdout, _, _ := w.run("status", "reviews-v2", "-o", "json")
			var got release.Status
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Phase != "Unreadable" || got.Task != "reviews-v2" || got.Clone != "reviews-v2" {
				t.Errorf("%v: the JSON is %s", err, stdout)
			}
			w.fails(exitFailed, ways, "uninstall", "--cancel-running")
		})
	}
}

// TestUnreadableBeside: whoever wants that Service for another Deployment is told,
// too, and what is asked for elsewhere is not taken for it.
func TestUnreadableBeside(t *testing.T) {
	held := reviews.DeepCopy()
	held.SetAnnotations(map[string]string{intent.AnnotationStatus: `{"schema":0,"task":"reviews-v2"}`})
	w := newWorld(t, held, reviewsV1, service("ratings", map[string]string{"app": "ratings"}), deployment("ratings-v1", "v1", map[string]string{"release": "ratings-v2", "image": "v2"}), controllerWith(1))
	w.fails(exitFailed, []string{"the Service shop/reviews is held, by a release that can't be read", "schema 0", "annotate service/reviews grayscale.dev/status-"},
		"create", "--service", "reviews", "--image", "v3", "--version", "v3", "--finish", "replace")
	if names, _, _ := w.run("list", "-o", "name"); names != "ratings-v2\nreviews-v2\n" {
		t.Errorf("the releases are %q", names)
	}
}
