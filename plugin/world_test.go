package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	istio "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// world is a cluster without a controller: objects in memory.
type world struct {
	t *testing.T
	client.WithWatch
}

func newWorld(t *testing.T, objects ...*unstructured.Unstructured) world {
	t.Helper()
	t.Setenv("KUBECONFIG", "/dev/null")
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, istio.AddToScheme} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(known).WithReturnManagedFields().
		WithTypeConverters(withoutNullStatus{applyconfigurations.NewTypeConverter(scheme.Scheme)}, managedfields.NewDeducedTypeConverter())
	for _, u := range objects {
		builder = builder.WithObjects(u.DeepCopy())
	}
	return world{t, builder.Build()}
}

// withoutNullStatus converts what the client in memory applies as it should be:
// it gives a NetworkPolicy, which has no status, one that is null.
type withoutNullStatus struct{ managedfields.TypeConverter }

// ObjectToTyped implements managedfields.TypeConverter.
func (c withoutNullStatus) ObjectToTyped(o runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	if u, ok := o.(*unstructured.Unstructured); ok && u.GetKind() == "NetworkPolicy" && u.Object["status"] == nil {
		u = u.DeepCopy()
		delete(u.Object, "status")
		o = u
	}
	return c.TypeConverter.ObjectToTyped(o, options...)
}

// run runs a command line in namespace shop.
func (w world) run(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	return w.runUntil(w.t.Context(), args...)
}

func (w world) runUntil(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, errOut bytes.Buffer
	e := NewEnv("kubectl grayscale", genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	e.Now = func() time.Time { return noon }
	e.Connect = func() (client.WithWatch, error) { return w.WithWatch, nil }
	e.Logs = func() kubernetes.Interface { return nil }
	if !slices.Contains(args, "-n") {
		args = append(args, "-n", "shop")
	}
	code = Run(ctx, e, args)
	return out.String(), errOut.String(), code
}

// ok runs a command line that must be done, and gives what it says.
func (w world) ok(args ...string) string {
	w.t.Helper()
	stdout, stderr, code := w.run(args...)
	if code != exitDone {
		w.t.Fatalf("%v: exit status %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout + stderr
}

// fails runs a command line that must fail in that way, saying all of these.
func (w world) fails(code int, says []string, args ...string) {
	w.t.Helper()
	stdout, stderr, got := w.run(args...)
	if got != code {
		w.t.Errorf("%v: exit status %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	for _, text := range says {
		if !strings.Contains(stderr, text) {
			w.t.Errorf("%v: does not say %q:\n%s", args, text, stderr)
		}
	}
}

// intent gives our annotations of a Deployment, without the prefix.
func (w world) intent(name string) map[string]string {
	w.t.Helper()
	d := newObject("apps/v1", "Deployment")
	if err := w.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, d); err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for key, value := range intent.Of(d.GetAnnotations()) {
		out[strings.TrimPrefix(key, intent.Prefix)] = value
	}
	return out
}

// annotate writes annotations on an object as the controller would.
func (w world) annotate(u *unstructured.Unstructured, annotations map[string]*string) {
	w.t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Patch(w.t.Context(), u.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		w.t.Fatal(err)
	}
}

func service(name string, selector map[string]string) *unstructured.Unstructured {
	u := newObject("v1", "Service")
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetUID(types.UID("service-" + name))
	fields := map[string]any{}
	for key, value := range selector {
		fields[key] = value
	}
	u.Object["spec"] = map[string]any{"selector": fields, "clusterIP": "10.0.0.1", "ports": []any{map[string]any{"name": "http", "port": int64(80)}}}
	return u
}

// deployment is one of app NAME-without-version; ours are annotations without
// the prefix.
func deployment(name, version string, ours map[string]string) *unstructured.Unstructured {
	u := newObject("apps/v1", "Deployment")
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetUID(types.UID("deployment-" + name))
	annotations := map[string]string{"team": "reviews"}
	for key, value := range ours {
		annotations[intent.Prefix+key] = value
	}
	u.SetAnnotations(annotations)
	app, _, _ := strings.Cut(name, "-")
	labels := map[string]any{"app": app, "version": version}
	u.Object["spec"] = map[string]any{
		"replicas": int64(3),
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": app, "image": "example.com/" + app + ":" + version}}},
		},
	}
	return u
}

// claimed gives the Service with the claim of a release of DEPLOYMENT.
func claimed(service, deployment *unstructured.Unstructured, task string, phase release.Phase, policy release.Policy) *unstructured.Unstructured {
	return annotated(service, intent.AnnotationStatus, statusOfClaim(service, deployment, task, phase, policy))
}

func statusOfClaim(service, deployment *unstructured.Unstructured, task string, phase release.Phase, policy release.Policy) release.Status {
	return release.Status{
		Schema: release.Schema, Task: task, Form: intent.Canary, Phase: phase, Finish: intent.Replace,
		Service: release.Ref{Name: service.GetName(), UID: service.GetUID()}, Clone: service.GetName() + "-v2", Label: "version",
		Original:  release.Version{Name: deployment.GetName(), UID: deployment.GetUID(), Version: "v1", Images: map[string]string{}},
		Grayscale: release.Version{Name: service.GetName() + "-v2", Version: "v2", Images: map[string]string{}},
		Policy:    policy, Started: noon.Add(-time.Minute),
	}
}

// past gives the Service with a history.
func past(service *unstructured.Unstructured, deployment *unstructured.Unstructured, tasks ...string) *unstructured.Unstructured {
	var h release.History
	for n, task := range tasks {
		ended := noon.Add(time.Duration(n-10) * time.Minute)
		h = h.With(release.Entry{Task: task, Phase: release.Cancelled, Original: deployment.GetName(), Clone: "gone", Started: ended.Add(-time.Minute), Ended: ended}, deployment.GetUID(), nil)
	}
	return annotated(service, intent.AnnotationHistory, h)
}

func annotated(u *unstructured.Unstructured, key string, value any) *unstructured.Unstructured {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the test's own data
	}
	u = u.DeepCopy()
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = string(text)
	u.SetAnnotations(annotations)
	return u
}

func (w world) deployment(name string) (*unstructured.Unstructured, error) {
	d := newObject("apps/v1", "Deployment")
	return d, w.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, d)
}
