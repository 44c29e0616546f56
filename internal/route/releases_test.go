package route

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// releasesCase is the form of testdata/releases/*.in.yaml: what a user may have
// around shop/reviews, and other releases in the same routes.
type releasesCase struct {
	rulesCase `json:",inline"`
	Peers     []struct {
		Service string
		Weight  intent.Weight
		Match   []string // as the plugin's flag
		Mirror  intent.Weight
	}
}

// policies are those of which each release of the corpus is seen.
var policies = []struct {
	name  string
	share intent.Share
}{
	{"0", intent.Share{}},
	{"10 percent", intent.Share{Weight: 1000}},
	{"rules", intent.Share{Match: rulesOfFlags("header:end-user=jason", "query:beta=1 && header:x-team")}},
	{"10 percent and a rule", intent.Share{Weight: 1000, Match: rulesOfFlags("cookie:User=Internal && os:iOS")}},
	{"mirror 25 percent", intent.Share{Mirror: 2500}},
	{"100 percent", intent.Share{Weight: intent.Full, Match: rulesOfFlags("header:end-user=jason")}},
}

func rulesOfFlags(flags ...string) []content.Rule {
	var out []content.Rule
	for _, flag := range flags {
		rule, err := content.ParseFlag(flag)
		if err != nil {
			panic(err)
		}
		out = append(out, rule)
	}
	return out
}

// releasesOutput is the form of testdata/releases/*.out.yaml.
type releasesOutput struct {
	rulesOutput `json:",inline"`
	// Policies: by policy and VirtualService, its routes; the user's own as words.
	Policies map[string]map[string]any `json:"policies"`
}

// Each thing that a user may have, with each kind of policy: the rules of ours, and
// the routes of ours before the user's.
func TestReleases(t *testing.T) {
	golden(t, "releases", func(t *testing.T, text []byte) any {
		c := releasesCase{rulesCase: readRules(t, []byte("service: shop/reviews"))}
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		in := c.input()
		in.Mirror = true
		result, faults := Rules(in)
		out := releasesOutput{Policies: map[string]map[string]any{}}
		out.Subsets, out.StrictWhy = result.Subsets, result.StrictWhy
		for _, rule := range result.Want {
			strict(t, rule, &networking.DestinationRule{})
			out.Want = append(out.Want, rule.Object)
		}
		for _, fault := range faults {
			out.Faults = append(out.Faults, fault.Error())
		}
		for _, policy := range policies {
			splits := []Split{{Service: in.Service, Weight: policy.share.Weight, Match: policy.share.Match, Mirror: policy.share.Mirror, Subsets: result.Subsets}}
			for _, peer := range c.Peers {
				splits = append(splits, Split{
					Service: service(peer.Service), Weight: peer.Weight, Match: rulesOfFlags(peer.Match...), Mirror: peer.Mirror,
					Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror}},
				})
			}
			out.Policies[policy.name] = map[string]any{}
			for _, vs := range in.VirtualServices {
				out.Policies[policy.name][vs.GetNamespace()+"/"+vs.GetName()] = released(t, vs, splits)
			}
		}
		return out
	})
}

// released applies the splits, checks what holds for all, and shows the routes.
func released(t *testing.T, vs *unstructured.Unstructured, splits []Split) any {
	t.Helper()
	before := canonical(vs.Object)
	applied, err := Apply(vs, splits)
	if canonical(vs.Object) != before {
		t.Errorf("the input was changed: %s", canonical(vs.Object))
	}
	if err != nil {
		return "refused: " + err.Error()
	}
	equal(t, "Strip of Apply", Strip(applied), vs)
	equal(t, "Apply of Apply", apply(t, applied, splits), applied)
	equal(t, "Apply of what Recover finds", apply(t, vs, Recover(applied)), applied)
	strict(t, applied, &networking.VirtualService{})
	if !HasOurs(applied) {
		return "as it is"
	}
	shown := map[string]any{}
	for _, kind := range kinds {
		var routes []any
		users := 0
		for _, route := range list(spec(applied), kind) {
			if !isOurs(route) {
				route = strings.TrimSpace(fmt.Sprintf("the user's %s[%d]", kind, users))
				users++
			}
			routes = append(routes, route)
		}
		if routes != nil {
			shown[kind] = routes
		}
	}
	if note := applied.GetAnnotations()[intent.AnnotationRules]; note != "" {
		shown["note"] = note
	}
	return shown
}
