package route

import (
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// rulesCase is the form of testdata/rules/*.in.yaml.
type rulesCase struct {
	Service         string
	Versions        release.Versions
	Rules           []map[string]any
	VirtualServices []map[string]any
	RootNamespace   string
}

func (c rulesCase) input() RulesInput {
	return RulesInput{
		Service: service(c.Service), Versions: c.Versions, RootNamespace: c.RootNamespace,
		Rules: objects(c.Rules), VirtualServices: objects(c.VirtualServices),
	}
}

func objects(in []map[string]any) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, item := range in {
		out = append(out, &unstructured.Unstructured{Object: item})
	}
	return out
}

// rulesOutput is the form of testdata/rules/*.out.yaml.
type rulesOutput struct {
	Want      []map[string]any `json:"want"`
	Subsets   Subsets          `json:"subsets"`
	StrictWhy string           `json:"strictWhy,omitempty"`
	Faults    []string         `json:"faults,omitempty"`
}

func TestRules(t *testing.T) {
	golden(t, "rules", func(t *testing.T, in []byte) any {
		c := readRules(t, in)
		result, faults := Rules(c.input())
		if result.Strict != (result.StrictWhy != "") {
			t.Errorf("Strict is %v because %q", result.Strict, result.StrictWhy)
		}
		out := rulesOutput{Subsets: result.Subsets, StrictWhy: result.StrictWhy}
		for _, rule := range result.Want {
			if owner, ok := OursFor(rule); !ok || owner != service(c.Service) {
				t.Errorf("%s/%s is not recognised as ours", rule.GetNamespace(), rule.GetName())
			}
			strict(t, rule, &networking.DestinationRule{})
			out.Want = append(out.Want, rule.Object)
		}
		for _, fault := range faults {
			out.Faults = append(out.Faults, fault.Error())
		}
		// What Rules gives is where it comes to rest.
		again := c.input()
		again.Rules = append(again.Rules, result.Want...)
		settled, _ := Rules(again)
		if got, want := string(toYAML(t, settled)), string(toYAML(t, result)); got != want {
			t.Errorf("with our own rules there it gives\n%snot\n%s", got, want)
		}
		fresh := readRules(t, in)
		if got, want := string(toYAML(t, c)), string(toYAML(t, fresh)); got != want {
			t.Errorf("the input was changed: %s", got)
		}
		return out
	})
}

func readRules(t *testing.T, in []byte) rulesCase {
	t.Helper()
	c := rulesCase{Versions: release.Versions{
		Label: "version", Original: "v1", Grayscale: "v2",
		OriginalLabels: map[string]string{"app": "reviews", "version": "v1"},
		VersionLabels:  []string{"version"},
	}}
	fromYAML(t, in, &c)
	return c
}
