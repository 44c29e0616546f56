package decide_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

const (
	controller = "system:serviceaccount:grayscale-system:grayscale-controller"
	jane       = "jane"
)

// read makes an object of YAML.
func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	if err := kjson.Unmarshal(data, &u.Object); err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	return u
}

// original is Deployment shop/reviews-v1, version v1, with these annotations.
func original(t *testing.T, annotations map[string]string) *unstructured.Unstructured {
	t.Helper()
	d := read(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: shop, uid: uid-reviews-v1}
spec:
  replicas: 4
  selector: {matchLabels: {app: reviews, version: v1}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec: {containers: [{name: reviews, image: "shop/reviews:1.0"}]}
`)
	d.SetAnnotations(maps.Clone(annotations))
	return d
}

// other is a Deployment under the same Service, of another version.
func other(t *testing.T, name, version string) *unstructured.Unstructured {
	t.Helper()
	d := original(t, nil)
	d.SetName(name)
	d.SetUID(types.UID("uid-" + name))
	for _, path := range [][]string{{"spec", "selector", "matchLabels"}, {"spec", "template", "metadata", "labels"}} {
		if err := unstructured.SetNestedField(d.Object, version, append(path, "version")...); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// cloned is the clone of release reviews-v2.
func cloned(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	d := other(t, "reviews-v2", "v2")
	d.SetLabels(map[string]string{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"})
	return d
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

// good is an intent without a fault.
func good(more ...string) map[string]string {
	return keys(append([]string{"release=reviews-v2", "image=2.0", "version=v2", "finish=replace"}, more...)...)
}

// running is the status of release reviews-v2, which good asks for.
func running(changes ...func(*release.Status)) *release.Status {
	s := &release.Status{
		Schema: release.Schema, Task: "reviews-v2", Form: intent.Canary, Phase: release.Routing, Finish: intent.Replace,
		Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Clone: "reviews-v2", Label: "version",
		Original:  release.Version{Name: "reviews-v1", UID: "uid-reviews-v1", Version: "v1", Images: map[string]string{"reviews": "shop/reviews:1.0"}},
		Grayscale: release.Version{Name: "reviews-v2", Version: "v2", Images: map[string]string{"reviews": "shop/reviews:2.0"}},
		Peak:      4,
	}
	for _, change := range changes {
		change(s)
	}
	return s
}

// service is Service shop/reviews, held by that release where there is one.
func service(t *testing.T, name string, held *release.Status, spent ...string) release.Service {
	t.Helper()
	s := release.Service{
		Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Type: "ClusterIP",
		Selector: map[string]string{"app": "reviews"}, Annotations: map[string]string{},
	}
	if held != nil {
		value, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		s.Annotations[intent.AnnotationStatus] = string(value)
	}
	if len(spent) > 0 {
		s.Annotations[intent.AnnotationHistory] = release.History{Schema: release.Schema, Spent: spent}.String(0)
	}
	return s
}

func world(t *testing.T, services []release.Service, deployments ...*unstructured.Unstructured) release.World {
	t.Helper()
	w := release.World{Services: services}
	for _, d := range deployments {
		w.Workloads = append(w.Workloads, release.WorkloadOf(d))
	}
	return w
}

// write is jane's.
func write(before, after *unstructured.Unstructured) decide.Write {
	return decide.Write{Before: before, After: after, User: jane, Controller: controller}
}

// told checks that the sentences are these many, and that each holds its part.
func told(t *testing.T, what string, sentences []string, parts ...string) {
	t.Helper()
	all := strings.Join(sentences, "\n")
	if len(sentences) != len(parts) {
		t.Errorf("%s: got %d, want %d:\n%s", what, len(sentences), len(parts), all)
	}
	for _, part := range parts {
		if !strings.Contains(all, part) {
			t.Errorf("%s: none says %q:\n%s", what, part, all)
		}
	}
}

func faults(v decide.Verdict) []string {
	var out []string
	for _, f := range v.Faults {
		out = append(out, f.Error())
	}
	return out
}
