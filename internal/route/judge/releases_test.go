package judge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Istio's validation accepts the route room's corpus of what users have, and with
// every kind of policy what Rules and Apply make of it.
func TestReleasesAreValid(t *testing.T) {
	inputs, err := filepath.Glob("../testdata/releases/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	var match []content.Rule
	for _, flag := range []string{"cookie:User=Internal && os:iOS,Linux", "query:beta=1 && header:end-user^=j"} {
		rule, err := content.ParseFlag(flag)
		if err != nil {
			t.Fatal(err)
		}
		match = append(match, rule)
	}
	for _, path := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".in.yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c input // the peers are of no interest here
			if err := yaml.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			in := route.RulesInput{
				Service: types.NamespacedName{Namespace: "shop", Name: "reviews"}, Mirror: true,
				Versions: release.Versions{
					Label: "version", Original: "v1", Grayscale: "v2",
					OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
				},
				Rules: objects("DestinationRule", c.Rules), VirtualServices: objects("VirtualService", c.VirtualServices),
			}
			configs(t, in.Rules...)
			result, _ := route.Rules(in)
			configs(t, result.Want...)
			for _, vs := range in.VirtualServices {
				configs(t, vs)
				for _, split := range []route.Split{{}, {Weight: 1000, Match: match}, {Match: match}, {Mirror: 2550}, {Weight: intent.Full}} {
					split.Service, split.Subsets = in.Service, result.Subsets
					applied, err := route.Apply(vs, []route.Split{split})
					if err != nil {
						t.Logf("refused: %v", err)
						continue
					}
					configs(t, applied)
				}
			}
		})
	}
}
