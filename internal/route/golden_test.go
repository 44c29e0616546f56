package route

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden runs a test for every testdata/DIR/NAME.in.yaml and compares what it
// gives, as YAML, with NAME.out.yaml.
func golden(t *testing.T, dir string, run func(t *testing.T, in []byte) any) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join("testdata", dir, "*.in.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs in testdata/%s: %v", dir, err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			in, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := toYAML(t, run(t, in))
			out := strings.TrimSuffix(path, ".in.yaml") + ".out.yaml"
			if *update {
				if err := os.WriteFile(out, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (write it anew with -update); got:\n%s", out, got)
			}
		})
	}
}

// applyCase is the form of testdata/apply/*.in.yaml.
type applyCase struct {
	Splits []struct {
		Service string
		Weight  intent.Weight
		Subsets map[string]struct {
			Original, Version string
			Pinned            bool
		}
	}
	VirtualService map[string]any
	// Foreign marks input that Istio's own types do not accept.
	Foreign bool
}

func (c applyCase) splits() []Split {
	var out []Split
	for _, s := range c.Splits {
		split := Split{Service: service(s.Service), Weight: s.Weight, Subsets: Subsets{}}
		for name, target := range s.Subsets {
			if target.Original == "" {
				target.Original, target.Version = SubsetOriginal, SubsetVersion
			}
			split.Subsets[name] = Target{Original: target.Original, Version: target.Version, Pinned: target.Pinned}
		}
		out = append(out, split)
	}
	return out
}

func service(namespaced string) types.NamespacedName {
	namespace, name, _ := strings.Cut(namespaced, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func TestApply(t *testing.T) {
	golden(t, "apply", func(t *testing.T, in []byte) any {
		var c applyCase
		fromYAML(t, in, &c)
		vs := &unstructured.Unstructured{Object: c.VirtualService}
		out := apply(t, vs, c.splits())
		equal(t, "Strip of Apply", Strip(out), vs)
		equal(t, "Apply of Apply", apply(t, out, c.splits()), out)
		equal(t, "Apply of what Recover finds", apply(t, vs, Recover(out)), out)
		equal(t, "the input after Apply", vs, &unstructured.Unstructured{Object: parse(t, in)["virtualService"].(map[string]any)})
		if !c.Foreign {
			strict(t, out, &networking.VirtualService{})
		}
		return out.Object
	})
}

func apply(t testing.TB, vs *unstructured.Unstructured, splits []Split) *unstructured.Unstructured {
	t.Helper()
	out, err := Apply(vs, splits)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return out
}

// equal compares the JSON of two objects.
func equal(t testing.TB, what string, got, want *unstructured.Unstructured) {
	t.Helper()
	g, w := toYAML(t, got.Object), toYAML(t, want.Object)
	if !bytes.Equal(g, w) {
		t.Errorf("%s: got\n%swant\n%s", what, g, w)
	}
}

// strict reads an object's spec as Istio's own types do, refusing unknown fields.
func strict(t testing.TB, obj *unstructured.Unstructured, into interface{ UnmarshalJSON([]byte) error }) {
	t.Helper()
	data, err := yaml.YAMLToJSON(toYAML(t, spec(obj)))
	if err != nil {
		t.Fatal(err)
	}
	if err := into.UnmarshalJSON(data); err != nil {
		t.Errorf("Istio's types do not accept it: %v", err)
	}
}

func parse(t testing.TB, in []byte) map[string]any {
	t.Helper()
	var out map[string]any
	fromYAML(t, in, &out)
	return out
}

func fromYAML(t testing.TB, in []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(in, into); err != nil {
		t.Fatal(err)
	}
}

func toYAML(t testing.TB, value any) []byte {
	t.Helper()
	out, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
