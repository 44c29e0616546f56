package judge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Istio's validation accepts what Apply makes of everything that it accepts
// before.
func TestAppliedVirtualServicesAreValid(t *testing.T) {
	outputs, err := filepath.Glob("../testdata/apply/*.out.yaml")
	if err != nil || len(outputs) == 0 {
		t.Fatalf("no outputs: %v", err)
	}
	for _, path := range outputs {
		name := strings.TrimSuffix(filepath.Base(path), ".out.yaml")
		if name == "malformed" || name == "unknown-fields" {
			continue // Istio refuses the user's own
		}
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			obj := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(data, &obj.Object); err != nil {
				t.Fatal(err)
			}
			configs(t, obj)
		})
	}
}
