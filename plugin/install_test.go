package plugin

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

func TestInstallPrints(t *testing.T) {
	w := newWorld(t)
	stdout, stderr, code := w.run("install", "--image", "example.com/c:v1", "--propagation-delay", "2s", "--dry-run", "-o", "yaml")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	objects, err := NewEnv("", quiet).readFile(written(t, stdout))
	if err != nil || len(objects) < 10 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	for _, text := range []string{"image: example.com/c:v1", "--propagation-delay=2s", "--drain=30s"} {
		if !strings.Contains(stdout, text) {
			t.Errorf("the manifests lack %q", text)
		}
	}
	w.fails(exitUsage, []string{"--image is missing"}, "install")
	w.fails(exitUsage, []string{"install prints yaml only"}, "install", "--image", "x", "--dry-run", "-o", "json")
	w.fails(exitUsage, []string{"--output goes with --dry-run"}, "install", "--image", "x", "-o", "yaml")
	w.fails(exitUsage, []string{"times from 0 on"}, "install", "--image", "x", "--drain=-1s")
	w.fails(exitUsage, []string{`--version-label "helm.sh/chart"`, "name a pod label"}, "install", "--image", "x", "--version-label", "helm.sh/chart", "--dry-run=client", "-o", "yaml")
}

func TestInstallTwice(t *testing.T) {
	w := newWorld(t)
	said := w.ok("install", "--image", "example.com/c:v1", "--replicas", "2", "--drain", "5s", "--propagation-delay", "1s",
		"--readiness-hold", "3s", "--root-namespace", "mesh", "--version-label", "track", "--wait=false")
	if !strings.Contains(said, "deployment.apps/grayscale-controller created") || strings.Contains(said, "configured") {
		t.Errorf("the first install says %s", said)
	}
	w.ok("install", "--image", "example.com/c:v2", "--wait=false")
	w.ok("install", "--wait=false")
	d := newObject("apps/v1", "Deployment")
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: manifests.Namespace, Name: manifests.Controller}, d); err != nil {
		t.Fatal(err)
	}
	if o := manifests.Installed(d); o.Image != "example.com/c:v2" || o.Replicas != 2 || o.Drain.Seconds() != 5 {
		t.Errorf("an upgrade lost a setting: %+v", o)
	}
	e := NewEnv("", quiet)
	e.Connect = func() (client.WithWatch, error) { return w.WithWatch, nil }
	set, _ := e.settings(t.Context())
	want := plan.Settings{VersionLabel: "track", RootNamespace: "mesh", Propagation: time.Second, Drain: 5 * time.Second, Hold: 3 * time.Second}
	if set != want {
		t.Errorf("the plugin plans with %+v, the controller with %+v", set, want)
	}
	if said := w.ok("version"); !strings.Contains(said, "controller: example.com/c:v2") {
		t.Errorf("version says %s", said)
	}
}

// TestInstallAggregates: view and edit carry our roles for users, unless they are
// told not to, or somebody took the labels away; an upgrade keeps to that.
func TestInstallAggregates(t *testing.T) {
	w := newWorld(t)
	releaser := func() *unstructured.Unstructured {
		t.Helper()
		u := newObject("rbac.authorization.k8s.io/v1", "ClusterRole")
		if err := w.Get(t.Context(), client.ObjectKey{Name: manifests.Releaser}, u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	install := func(want bool, flags ...string) {
		t.Helper()
		w.ok(append([]string{"install", "--image", "example.com/c:v1", "--wait=false"}, flags...)...)
		if got := manifests.Aggregated(releaser()); got != want {
			t.Errorf("install %v: that edit carries %s is %v, want %v", flags, manifests.Releaser, got, want)
		}
	}
	install(true)
	install(true)
	install(false, "--aggregate-roles=false")
	install(false)
	install(true, "--aggregate-roles")
	byHand := releaser()
	byHand.SetLabels(manifests.Selector)
	if err := w.Update(t.Context(), byHand); err != nil {
		t.Fatal(err)
	}
	install(false)
}

func TestInstallTimesOut(t *testing.T) {
	newWorld(t).fails(exitTimeout, []string{"the controller is not ready", "0 of 2 pods available"}, "install", "--image", "x:v1", "--timeout", "300ms")
}

func TestUninstall(t *testing.T) {
	w := newWorld(t, past(reviews, reviewsV1, "old-task"), deployment("reviews-v1", "v1", map[string]string{"release": "old-task", "image": "v2"}))
	w.ok("install", "--image", "example.com/c:v1", "--wait=false")
	w.ok("uninstall", "--timeout", "20s")
	objects, err := manifests.Build(manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range objects {
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(u), newObject(u.GetAPIVersion(), u.GetKind())); !apierrors.IsNotFound(err) {
			t.Errorf("%s %s is left (%v)", u.GetKind(), u.GetName(), err)
		}
	}
	if left := w.intent("reviews-v1"); len(left) > 0 {
		t.Errorf("an intent is left: %v", left)
	}
	has := func() bool {
		u := newObject("v1", "Service")
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(reviews), u); err != nil {
			t.Fatal(err)
		}
		return u.GetAnnotations()["grayscale.dev/history"] != ""
	}
	if !has() {
		t.Error("uninstall took the history, and was not told to")
	}
	if w.ok("uninstall", "--purge"); has() {
		t.Error("uninstall --purge left the history")
	}
}

func TestUninstallRefuses(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.fails(exitFailed, []string{"still running: shop/reviews-v2", "--cancel-running"}, "uninstall")
	w.fails(exitUsage, []string{"choose one"}, "uninstall", "--cancel-running", "--force")
	if got := w.intent("reviews-v1")["end"]; got != "" {
		t.Errorf("a refused uninstall wrote end=%s", got)
	}
}

// TestUninstallByHand: without a controller that is available, the releases are ended
// all the same, whether it is installed or not.
func TestUninstallByHand(t *testing.T) {
	for _, down := range []string{"no controller is installed", "the controller is not available"} {
		w := running(t, release.Routing, nil)
		if down == "the controller is not available" {
			w.ok("install", "--image", "x:v1", "--drain", "0s", "--propagation-delay", "0s", "--wait=false")
		}
		if said := w.ok("uninstall", "--cancel-running", "--purge", "--timeout", "60s"); !strings.Contains(said, "The releases are ended by hand: "+down) {
			t.Errorf("uninstall does not say who ends the release: %s", said)
		}
		if left := w.intent("reviews-v1"); len(left) > 0 {
			t.Errorf("an intent is left: %v", left)
		}
		u := newObject("v1", "Service")
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(reviews), u); err != nil {
			t.Fatal(err)
		}
		if got := u.GetAnnotations(); len(got) > 0 {
			t.Errorf("the Service still has %v", got)
		}
	}
}

// TestUninstallFromAHungController: one that seems available when the releases are
// cancelled, and is not, keeps nobody waiting.
func TestUninstallFromAHungController(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.ok("install", "--image", "x:v1", "--drain", "0s", "--propagation-delay", "0s", "--wait=false")
	w.available(2)
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := c.Patch(ctx, u, p, opts...); err != nil || u.GetAnnotations()[intent.KeyEnd] != string(intent.EndCancel) {
				return err
			}
			time.AfterFunc(300*time.Millisecond, func() { world{t, c}.available(0) })
			return nil
		},
	})
	said := w.ok("uninstall", "--cancel-running", "--timeout", "60s")
	for _, part := range []string{"waiting for the end of shop/reviews-v2", "the controller is not available", "ended by hand"} {
		if !strings.Contains(said, part) {
			t.Errorf("uninstall does not say %q: %s", part, said)
		}
	}
	if left := w.intent("reviews-v1"); len(left) > 0 {
		t.Errorf("an intent is left: %v", left)
	}
}

// available has that many pods of the controller be ready.
func (w world) available(pods int64) {
	u := newObject("apps/v1", "Deployment")
	if err := w.Get(context.Background(), client.ObjectKey{Namespace: manifests.Namespace, Name: manifests.Controller}, u); err != nil {
		w.t.Error(err)
		return
	}
	u.Object["status"] = map[string]any{"availableReplicas": pods}
	if err := w.Status().Update(context.Background(), u); err != nil {
		w.t.Error(err)
	}
}

func TestUninstallByForce(t *testing.T) {
	clone := deployment("reviews-v2", "v2", nil)
	clone.SetLabels(map[string]string{"grayscale.dev/task": "reviews-v2", "grayscale.dev/of": "reviews-v1"})
	w := running(t, release.Routing, nil)
	if err := w.Create(t.Context(), clone); err != nil {
		t.Fatal(err)
	}
	if said := w.ok("uninstall", "--force"); !strings.Contains(said, "Deployment shop/reviews-v2: is the grayscale version of release reviews-v2") {
		t.Errorf("what is left is not named: %s", said)
	}
	if got := w.intent("reviews-v1")["release"]; got != "reviews-v2" {
		t.Errorf("--force leaves a release as it stands, and its intent is gone")
	}
}

func TestInstallIntoAnothersNamespace(t *testing.T) {
	theirs := newObject("v1", "Namespace")
	theirs.SetName("platform")
	w := newWorld(t, theirs)
	w.ok("install", "--image", "example.com/c:v1", "--controller-namespace", "platform", "--wait=false")
	w.ok("uninstall", "--controller-namespace", "platform", "--timeout", "20s")
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(theirs), newObject("v1", "Namespace")); err != nil {
		t.Errorf("uninstall took a namespace that was there before: %v", err)
	}
}

// TestElsewhere: whoever installed into a namespace of their own need not say
// so again.
func TestElsewhere(t *testing.T) {
	w := running(t, release.Routing, nil)
	if said := w.ok("status", "reviews-v2"); !strings.Contains(said, "no controller is installed in namespace grayscale-system") {
		t.Errorf("without a controller: %s", said)
	}
	w.ok("install", "--image", "example.com/c:v1", "--controller-namespace", "canaries", "--wait=false")
	w.ok("install", "--drain", "7s", "--wait=false") // an upgrade, where it is
	if said := w.ok("version"); !strings.Contains(said, "controller: example.com/c:v1") {
		t.Errorf("version says %s", said)
	}
	if said := w.ok("status", "reviews-v2"); !strings.Contains(said, "the controller is not available: kubectl -n canaries get pods") {
		t.Errorf("status looks elsewhere: %s", said)
	}
	e := NewEnv("", quiet)
	e.Connect = func() (client.WithWatch, error) { return w.WithWatch, nil }
	if set, _ := e.settings(t.Context()); set.Drain != 7*time.Second {
		t.Errorf("the settings are not those of the controller: %+v", set)
	}

	right := "the controller is installed in namespace canaries, not in grayscale-system: kubectl grayscale "
	w.fails(exitFailed, []string{right + "uninstall --controller-namespace canaries"}, "uninstall", "--force", "--controller-namespace", manifests.Namespace)
	w.fails(exitFailed, []string{right + "install --controller-namespace canaries"}, "install", "--image", "x:v1", "--controller-namespace", manifests.Namespace)
	controller := client.ObjectKey{Namespace: "canaries", Name: manifests.Controller}
	for _, there := range []client.ObjectKey{{Name: manifests.Webhooks}, controller} {
		kind := map[bool][2]string{true: {"apps/v1", "Deployment"}, false: {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"}}[there == controller]
		if err := w.Get(t.Context(), there, newObject(kind[0], kind[1])); err != nil {
			t.Errorf("a refused uninstall deleted: %v", err)
		}
	}
	w.ok("uninstall", "--force", "--timeout", "20s")
	if err := w.Get(t.Context(), controller, newObject("apps/v1", "Deployment")); !apierrors.IsNotFound(err) {
		t.Errorf("the controller is left (%v)", err)
	}
}
