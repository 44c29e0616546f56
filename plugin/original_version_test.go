package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// versionless is a Deployment whose pods have no version label.
func versionless() *unstructured.Unstructured {
	d := deployment("reviews", "v1", nil)
	d.Object["spec"].(map[string]any)["selector"] = map[string]any{"matchLabels": map[string]any{"app": "reviews"}}
	d.Object["spec"].(map[string]any)["template"].(map[string]any)["metadata"] = map[string]any{"labels": map[string]any{"app": "reviews"}}
	return d
}

// versionIn is the version label on a Deployment's pods.
func (w world) versionIn(name string) string {
	w.t.Helper()
	d, err := w.deployment(name)
	if err != nil {
		w.t.Fatal(err)
	}
	version, _, _ := unstructured.NestedString(d.Object, "spec", "template", "metadata", "labels", "version")
	return version
}

// rollsOut does what the Deployment controller would, once the label is there.
func (w world) rollsOut(ctx context.Context, name string, changes watch.Interface) {
	defer changes.Stop()
	for range changes.ResultChan() {
		if w.versionIn(name) == "" {
			continue
		}
		d, err := w.deployment(name)
		if err != nil {
			w.t.Error(err)
			return
		}
		d.Object["status"] = map[string]any{"replicas": int64(3), "updatedReplicas": int64(3), "availableReplicas": int64(3)}
		if err := w.Status().Update(ctx, d); client.IgnoreNotFound(err) != nil {
			w.t.Error(err)
		}
		return
	}
}

func TestOriginalVersion(t *testing.T) {
	w := newWorld(t, reviews, versionless())
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	changes, err := w.Watch(ctx, &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "apps/v1", "kind": "DeploymentList"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.rollsOut(ctx, "reviews", changes)
	}()
	stdout, stderr, code := w.runUntil(ctx, "create", "--service", "reviews", "--image", "v2", "--original-version", "v1")
	if code != exitDone {
		t.Fatalf("exit status %d: %s%s", code, stdout, stderr)
	}
	stop()
	<-done
	for _, text := range []string{"gets the label version=v1 on its pods: one ordinary rollout first", "created: v1 to v2"} {
		if !strings.Contains(stdout+stderr, text) {
			t.Errorf("does not say %q: %s%s", text, stdout, stderr)
		}
	}
	if got := w.versionIn("reviews"); got != "v1" {
		t.Errorf("the version is %q", got)
	}
	if got := w.intent("reviews"); got["release"] != "reviews-v2" || got["image"] != "v2" {
		t.Errorf("the intent is %v", got)
	}
}

func TestOriginalVersionThatIsThere(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	w.fails(exitFailed, []string{"have a version already, version=v1; leave the flag out"}, "create", "--service", "reviews", "--image", "v3", "--original-version", "v7")
	if said := w.ok("create", "--service", "reviews", "--image", "v2", "--original-version", "v1"); strings.Contains(said, "rollout") {
		t.Errorf("a version that is there already is rolled out: %s", said)
	}
}

func TestOriginalVersionGivesUp(t *testing.T) {
	w := newWorld(t, reviews, versionless())
	w.fails(exitTimeout, []string{"no release has been started", "0 of 3 pods"}, "create", "--service", "reviews", "--image", "v2", "--original-version", "v1", "--timeout", "200ms")
	if got := w.intent("reviews"); len(got) > 0 {
		t.Errorf("a release was asked for: %v", got)
	}
}

func TestOriginalVersionRefuses(t *testing.T) {
	helm, paused := versionless(), versionless()
	helm.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "shop"})
	paused.Object["spec"].(map[string]any)["paused"] = true
	for name, c := range map[string]struct {
		original *unstructured.Unstructured
		code     int
		says     string
		args     string
	}{
		"without it":       {versionless(), exitFailed, "let this create do it with --original-version v1", "--image v2"},
		"no label value":   {versionless(), exitUsage, "is no label value", "--image v2 --original-version not/one"},
		"managed":          {helm, exitFailed, "is managed by Helm, which would undo it; add the label version: v1", "--image v2 --original-version v1"},
		"paused":           {paused, exitFailed, "is paused; resume it first", "--image v2 --original-version v1"},
		"the same version": {versionless(), exitFailed, "is the version of the original", "--image v2 --original-version v2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, reviews, c.original)
			w.fails(c.code, []string{c.says}, append([]string{"create", "--service", "reviews"}, strings.Fields(c.args)...)...)
			if w.versionIn("reviews") != "" {
				t.Error("the label was written all the same")
			}
		})
	}
}

func TestOriginalVersionDryRun(t *testing.T) {
	w := newWorld(t, reviews, versionless())
	for _, dry := range []string{"client", "server"} {
		said := w.ok("create", "--service", "reviews", "--image", "v2", "--original-version", "v1", "--dry-run="+dry)
		if !strings.Contains(said, "one ordinary rollout first") || !strings.Contains(said, "created: v1 to v2") {
			t.Errorf("--dry-run=%s says %s", dry, said)
		}
		if w.versionIn("reviews") != "" || len(w.intent("reviews")) > 0 {
			t.Errorf("--dry-run=%s wrote", dry)
		}
	}
}

// TestOriginalVersionThatIsRefused: a release that the mesh or a webhook refuses
// costs no rollout.
func TestOriginalVersionThatIsRefused(t *testing.T) {
	wildcard := vs("all", map[string]any{"hosts": []any{"*.shop.svc.cluster.local"}, "http": []any{map[string]any{
		"route": []any{map[string]any{"destination": map[string]any{"host": "reviews"}}}}}})
	args := []string{"create", "--service", "reviews", "--image", "v2", "--original-version", "v1"}
	for _, dry := range []string{"none", "client", "server"} {
		w := newWorld(t, reviews, versionless(), wildcard)
		w.fails(exitFailed, []string{"refused, and nothing is rolled out", "VirtualService shop/all", "wildcard"}, append(args, "--dry-run="+dry)...)
		w.untouched("reviews")
	}
	var asked []string
	w := newWorld(t, reviews, versionless())
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, _ client.Object, patch client.Patch, options ...client.PatchOption) error {
			var o client.PatchOptions
			o.ApplyOptions(options)
			body, err := patch.Data(nil)
			asked = append(asked, strings.Join(o.DryRun, "")+string(body))
			refused := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "reviews", nil)
			refused.ErrStatus.Message = `admission webhook "intent.grayscale.dev" denied the request: you may not edit VirtualService shop/reviews`
			return errors.Join(refused, err)
		},
	})
	w.fails(exitFailed, []string{"refused:\n  - you may not edit VirtualService shop/reviews"}, args...)
	w.untouched("reviews")
	if len(asked) != 1 || !strings.HasPrefix(asked[0], "All") || !strings.Contains(asked[0], `"version":"v1"`) || !strings.Contains(asked[0], `"grayscale.dev/image":"v2"`) {
		t.Errorf("the API server was asked %q, want one dry run with label and intent", asked)
	}
}

// untouched wants neither a version nor an intent on a Deployment.
func (w world) untouched(name string) {
	w.t.Helper()
	if version, ours := w.versionIn(name), w.intent(name); version != "" || len(ours) > 0 {
		w.t.Errorf("Deployment %s was written: version %q, intent %v", name, version, ours)
	}
}
