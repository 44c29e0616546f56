package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// withoutWebhook takes the webhook away that puts our routes back.
func withoutWebhook(t *testing.T) {
	newWorld(t).dropWebhook("mutate.virtualservices.grayscale.dev")
	t.Run("both", func(t *testing.T) {
		atOnce(t, []scenario{{"Repaired", repaired}, {"Fought", fought}, {"Unsayable", unsayable}})
	})
}

// repaired: where the webhook that puts our routes back is not asked, a
// user's apply takes the policy away for a moment, and the controller repairs
// it. Nothing fails all the same, for the user's own rules were never ours.
func repaired(t *testing.T) {
	w := newWorld(t)
	w.bookshop(meshRule)
	tr := w.traffic()
	tr.phase("to 50 %", only("v1", "v2"))
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=50")
	w.untilLive("50")
	tr.phase("applied", only("v1", "v2"))
	p := w.pipeline(frontRoutes, meshRoutes, meshRule)
	p.runs(4)
	p.stop()
	w.until("the routes repaired", func(s *release.Status) bool {
		routes := spec(t, w.get(virtualServices, "front")) + spec(t, w.get(virtualServices, "reviews"))
		return s.Live != nil && s.Live.Weight == s.Live.Most && s.Live.Weight.String() == "50" && strings.Count(routes, `"grayscale-version"`) == 4
	})
	tr.more(30)
	tr.phase("repaired", split("v1", "v2", 50))
	tr.seen(200)
	w.cancels(tr, "first", "v2")
	w.clean()
}

// dropWebhook takes one of our webhooks away; the next install brings it back.
func (w *world) dropWebhook(name string) {
	w.t.Helper()
	var configuration unstructured.Unstructured
	if err := json.Unmarshal([]byte(w.kubectl("get", "mutatingwebhookconfiguration", "grayscale", "-o", "json")), &configuration); err != nil {
		w.t.Fatal(err)
	}
	webhooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		w.t.Fatal(err)
	}
	rest := slices.DeleteFunc(slices.Clone(webhooks), func(one any) bool {
		m, ok := one.(map[string]any)
		return ok && m["name"] == name
	})
	if len(rest) != len(webhooks)-1 {
		w.t.Fatalf("the configuration has no webhook %s", name)
	}
	patch, err := json.Marshal(map[string]any{"webhooks": rest})
	if err != nil {
		w.t.Fatal(err)
	}
	w.kubectl("patch", "mutatingwebhookconfiguration", "grayscale", "--type=merge", "-p", string(patch))
}
