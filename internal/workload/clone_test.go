package workload_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cloneCase is the form of testdata/*.in.yaml.
type cloneCase struct {
	Status   release.Status `json:"status"`
	Replicas int32          `json:"replicas"`
	Original map[string]any `json:"original"`
}

func read(t *testing.T, path string) cloneCase {
	t.Helper()
	in, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.YAMLToJSON(in)
	if err != nil {
		t.Fatal(err)
	}
	var c cloneCase
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClone(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, path := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".in.yaml"), func(t *testing.T) {
			c := read(t, path)
			original := &unstructured.Unstructured{Object: c.Original}
			before := original.DeepCopy()
			clone, err := workload.Clone(original, &c.Status, c.Replicas)
			if err != nil {
				t.Fatal(err)
			}
			// The webhook sees the clone as the controller sends it, and the golden
			// file is what is then stored.
			stored := workload.Normalize(clone, &c.Status)
			compare(t, strings.TrimSuffix(path, ".in.yaml")+".out.yaml", stored.Object)

			if !equality.Semantic.DeepEqual(original, before) {
				t.Error("the original was changed")
			}
			if again := workload.Normalize(stored, &c.Status); !equality.Semantic.DeepEqual(again, stored) {
				t.Errorf("Normalize is not idempotent: %v", again.Object)
			}
			if !workload.IsCloneOf(stored, &c.Status) || workload.IsCloneOf(stored, &release.Status{Task: "another"}) || workload.IsCloneOf(original, &c.Status) || workload.IsCloneOf(original, &release.Status{}) {
				t.Error("IsClone takes one for the other")
			}
			if freed := workload.Freed(stored); workload.IsClone(freed) || workload.IsClone(original) || !workload.IsClone(stored) || workload.IsCloneOf(freed, &c.Status) || !workload.IsCloneOf(stored, &c.Status) {
				t.Error("Freed leaves a label, or changes its argument")
			}
		})
	}
}

func compare(t *testing.T, path string, object map[string]any) {
	t.Helper()
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (write it anew with -update); got:\n%s", path, got)
	}
}

func TestFreed(t *testing.T) {
	c := read(t, "testdata/plain.in.yaml")
	clone, err := workload.Clone(&unstructured.Unstructured{Object: c.Original}, &c.Status, 1)
	if err != nil {
		t.Fatal(err)
	}
	clone.SetLabels(map[string]string{"grayscale.dev/task": "t", "grayscale.dev/of": "o"})
	if freed := workload.Freed(clone); freed.GetLabels() != nil {
		t.Errorf("labels %v are left", freed.GetLabels())
	}
}

// written is managedFields after kubectl and another manager.
func written(manager, subresource string) []any {
	return []any{
		map[string]any{"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1"},
		map[string]any{"manager": manager, "operation": "Apply", "apiVersion": "apps/v1", "subresource": subresource},
	}
}

func TestManager(t *testing.T) {
	for name, test := range map[string]struct {
		metadata map[string]any
		want     string
	}{
		"nobody":                            {map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, ""},
		"Helm":                              {map[string]any{"annotations": map[string]any{"meta.helm.sh/release-name": "shop"}}, "Helm"},
		"Helm by its label":                 {map[string]any{"labels": map[string]any{"app.kubernetes.io/managed-by": "Helm"}}, "Helm"},
		"another manager":                   {map[string]any{"labels": map[string]any{"app.kubernetes.io/managed-by": "me"}}, ""},
		"Argo CD":                           {map[string]any{"annotations": map[string]any{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/reviews"}}, "Argo CD"},
		"Argo CD by label":                  {map[string]any{"labels": map[string]any{"argocd.argoproj.io/instance": "shop"}}, "Argo CD"},
		"Flux":                              {map[string]any{"labels": map[string]any{"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"},
		"Flux's Helm":                       {map[string]any{"labels": map[string]any{"helm.toolkit.fluxcd.io/name": "shop"}, "annotations": map[string]any{"meta.helm.sh/release-name": "shop"}}, "Flux's helm-controller"},
		"Argo CD by the label of everybody": {map[string]any{"labels": map[string]any{"app.kubernetes.io/instance": "shop"}, "managedFields": written("argocd-controller", "")}, "Argo CD"},
		"that label alone":                  {map[string]any{"labels": map[string]any{"app.kubernetes.io/instance": "shop"}, "managedFields": written("kubectl-client-side-apply", "")}, ""},
		"Flux by what it wrote":             {map[string]any{"managedFields": written("kustomize-controller", "")}, "Flux"},
		"Flux's Helm by what it wrote":      {map[string]any{"managedFields": written("helm-controller", "")}, "Flux's helm-controller"},
		"Helm by what it wrote":             {map[string]any{"managedFields": written("helm", "")}, "Helm"},
		"who writes the status alone":       {map[string]any{"managedFields": written("argocd-controller", "status")}, ""},
		"an owner":                          {map[string]any{"ownerReferences": []any{map[string]any{"kind": "App", "name": "shop", "apiVersion": "v1", "uid": "u", "controller": true}}}, "App shop"},
		"no controller":                     {map[string]any{"ownerReferences": []any{map[string]any{"kind": "App", "name": "shop", "apiVersion": "v1", "uid": "u"}}}, ""},
	} {
		if got := workload.Manager(&unstructured.Unstructured{Object: map[string]any{"metadata": test.metadata}}); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
