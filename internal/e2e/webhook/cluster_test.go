package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// cluster is a namespace of a test's own, as one user.
type cluster struct {
	*testing.T
	client.Client
	namespace string
	warned    *warnings
}

// as gives a user that may do anything, so that only admission says no.
func as(t *testing.T, user string) cluster {
	t.Helper()
	namespace := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	namespace = namespace[:min(len(namespace), 63)]
	c := cluster{T: t, namespace: namespace, warned: &warnings{}}
	mine := rest.CopyConfig(config)
	mine.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	mine.WarningHandlerWithContext = c.warned
	var err error
	if c.Client, err = client.New(mine, client.Options{}); err != nil {
		t.Fatal(err)
	}
	ns := object("v1", "Namespace", "", namespace)
	switch err := c.Create(t.Context(), ns); {
	case err == nil:
		t.Cleanup(func() {
			if err := c.Delete(context.Background(), ns); client.IgnoreNotFound(err) != nil {
				t.Errorf("deleting namespace %s: %v", namespace, err)
			}
		})
	case client.IgnoreAlreadyExists(err) != nil:
		t.Fatal(err)
	}
	return c
}

// warnings are those that the API server sent to a client.
type warnings struct {
	sync.Mutex
	all []string
}

// HandleWarningHeaderWithContext keeps one.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, message string) {
	w.Lock()
	defer w.Unlock()
	w.all = append(w.all, message)
}

func (w *warnings) taken() []string {
	w.Lock()
	defer w.Unlock()
	all := w.all
	w.all = nil
	return all
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// deployment is reviews, version v1, without pods; those that it gets later leave at
// once.
func deployment(namespace, name string, annotations map[string]string) *unstructured.Unstructured {
	return of(fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: %s}
spec:
  replicas: 0
  selector: {matchLabels: {app: reviews, version: v1}}
  template:
    metadata: {labels: {app: reviews, version: v1}, annotations: {testbed/drain: "0"}}
    spec: {containers: [{name: reviews, image: "shop/reviews:1.0"}]}
`, name, namespace), annotations)
}

func of(text string, annotations map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = u.UnmarshalJSON(data)
	}
	if err != nil {
		panic(err)
	}
	if len(annotations) > 0 {
		u.SetAnnotations(maps.Clone(annotations))
	}
	return u
}

// keys gives our annotations: "release=x" is grayscale.dev/release: x.
func keys(pairs ...string) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		m[intent.Prefix+key] = value
	}
	return m
}

func good(more ...string) map[string]string {
	return keys(append([]string{"release=reviews-v2", "image=2.0", "version=v2", "finish=replace"}, more...)...)
}

func (c cluster) deployment(annotations map[string]string) *unstructured.Unstructured {
	return deployment(c.namespace, "reviews-v1", annotations)
}

// made creates objects.
func (c cluster) made(objects ...*unstructured.Unstructured) {
	c.Helper()
	for _, o := range objects {
		if err := c.Create(c.Context(), o); err != nil {
			c.Fatal(err)
		}
	}
}

// service makes Service reviews.
func (c cluster) service() *unstructured.Unstructured {
	c.Helper()
	s := of(`{apiVersion: v1, kind: Service, metadata: {name: reviews}, spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}}`, nil)
	s.SetNamespace(c.namespace)
	c.made(s)
	return s
}

// claimed has the Service held by release reviews-v2 of that Deployment, as
// the controller does it.
func (c cluster) claimed(service, original *unstructured.Unstructured, changes ...func(*release.Status)) {
	c.Helper()
	status := release.Status{
		Schema: release.Schema, Task: "reviews-v2", Form: intent.Canary, Phase: release.Starting, Finish: intent.Replace,
		Service: release.Ref{Name: service.GetName(), UID: service.GetUID()}, Clone: "reviews-v2", Label: "version",
		Original:  release.Version{Name: original.GetName(), UID: original.GetUID(), Version: "v1", Images: map[string]string{"reviews": "shop/reviews:1.0"}},
		Grayscale: release.Version{Name: "reviews-v2", Version: "v2", Images: map[string]string{"reviews": "shop/reviews:2.0"}},
		Peak:      4,
	}
	for _, change := range changes {
		change(&status)
	}
	value, err := json.Marshal(status)
	if err != nil {
		c.Fatal(err)
	}
	c.patched(service, annotate(map[string]any{intent.AnnotationStatus: string(value)}))
}

// clone is the one that the claim names, as the controller would write it
// without care for labels.
func (c cluster) clone() *unstructured.Unstructured {
	d := deployment(c.namespace, "reviews-v2", nil)
	d.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	return d
}

// annotate is a merge patch of annotations; nil removes one.
func annotate(annotations map[string]any) string {
	return metadata("annotations", annotations)
}

func metadata(field string, values map[string]any) string {
	b, err := json.Marshal(map[string]any{"metadata": map[string]any{field: values}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (c cluster) try(o *unstructured.Unstructured, patch string) error {
	return c.Patch(c.Context(), o.DeepCopy(), merge(patch))
}

func merge(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }

func (c cluster) patched(o *unstructured.Unstructured, patch string) {
	c.Helper()
	if err := c.try(o, patch); err != nil {
		c.Fatal(err)
	}
}

func (c cluster) status(o *unstructured.Unstructured, patch string) {
	c.Helper()
	if err := c.Status().Patch(c.Context(), o.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		c.Fatal(err)
	}
}

func (c cluster) scaled(o *unstructured.Unstructured, patch string) {
	c.Helper()
	if err := c.SubResource("scale").Patch(c.Context(), o.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		c.Fatal(err)
	}
}

// now reads an object anew.
func (c cluster) now(o *unstructured.Unstructured) *unstructured.Unstructured {
	c.Helper()
	fresh := object(o.GetAPIVersion(), o.GetKind(), "", "")
	if err := c.Get(c.Context(), client.ObjectKeyFromObject(o), fresh); err != nil {
		c.Fatal(err)
	}
	return fresh
}

// settled waits until the Deployment controller has nothing left to write: it
// has seen the generation, and the revision is that of a ReplicaSet.
func (c cluster) settled(d *unstructured.Unstructured) {
	c.Helper()
	const revision = "deployment.kubernetes.io/revision"
	if err := until(c.Context(), "the Deployment controller is done with "+d.GetName(), func() (bool, error) {
		now := c.now(d)
		seen, _, _ := unstructured.NestedInt64(now.Object, "status", "observedGeneration")
		var sets unstructured.UnstructuredList
		sets.SetAPIVersion("apps/v1")
		sets.SetKind("ReplicaSetList")
		if err := c.List(c.Context(), &sets, client.InNamespace(c.namespace)); err != nil {
			return false, err
		}
		mine := slices.ContainsFunc(sets.Items, func(s unstructured.Unstructured) bool {
			return slices.ContainsFunc(s.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == now.GetUID() }) &&
				s.GetAnnotations()[revision] == now.GetAnnotations()[revision]
		})
		return seen == now.GetGeneration() && mine, nil
	}); err != nil {
		c.Fatal(err)
	}
}

// refused checks that a write is, and that the answer holds all the parts.
func (c cluster) refused(err error, parts ...string) {
	c.Helper()
	if err == nil {
		c.Fatalf("admitted, want a refusal that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			c.Errorf("does not say %q:\n%v", part, err)
		}
	}
}

// warns checks that one of the warnings since the last call holds the part.
func (c cluster) warns(part string) {
	c.Helper()
	all := c.warned.taken()
	if !slices.ContainsFunc(all, func(w string) bool { return strings.Contains(w, part) }) {
		c.Errorf("no warning says %q: %q", part, all)
	}
}
