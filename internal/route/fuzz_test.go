package route

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

func TestArbitraryObjectsDoNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := &unstructured.Unstructured{}
		vs.Object, _ = junk(4).Draw(t, "object").(map[string]any)
		everything(t.Fatalf, vs)
	})
}

// FuzzApply feeds arbitrary JSON with an arbitrary note of rules to everything that
// reads a VirtualService. It begins with the corpus, as it is and with routes of
// ours.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"spec":{"http":[{"route":[{"destination":{"host":"reviews","subset":"grayscale-version"},"weight":1e3}]}]}}`), `{"shop/reviews":[{"query":{"beta":{"exact":"1"}}}]}`)
	f.Add([]byte(`{"spec":{"http":{"route":"x"},"tcp":[1],"hosts":"a","exportTo":[null]}}`), `{"/":[{}],"shop/reviews":null}`)
	inputs, err := filepath.Glob("testdata/releases/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no inputs: %v", err)
	}
	for _, path := range inputs {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var c releasesCase
		if err := yaml.Unmarshal(text, &c); err != nil {
			f.Fatal(err)
		}
		for _, vs := range objects(c.VirtualServices) {
			applied, err := Apply(vs, []Split{fuzzed})
			if err != nil {
				applied = vs
			}
			for _, obj := range []*unstructured.Unstructured{vs, applied} {
				data, err := json.Marshal(obj.Object)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(data, obj.GetAnnotations()[intent.AnnotationRules])
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, rules string) {
		vs := &unstructured.Unstructured{}
		if json.Unmarshal(data, &vs.Object) != nil {
			return // not a JSON object
		}
		if meta := object(vs.Object, "metadata"); meta != nil {
			delete(meta, "annotations")
			if rules != "" {
				meta["annotations"] = map[string]any{intent.AnnotationRules: rules}
			}
		}
		everything(t.Fatalf, vs)
	})
}

// fuzzed is a release with all kinds of policy.
var fuzzed = Split{
	Service: service("shop/reviews"), Weight: 2500, Match: rulesOfFlags("header:end-user=jason", "query:beta=1 && os:iOS,Linux"),
	Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror}, "v1": {Original: SubsetOriginal, Version: SubsetVersion, Mirror: SubsetMirror, Pinned: true}},
}

// notable says whether rules can be noted: not where metadata is none.
func notable(vs *unstructured.Unstructured) bool {
	meta := object(vs.Object, "metadata")
	return meta != nil && (meta["annotations"] == nil || object(meta, "annotations") != nil)
}

// everything runs all that reads a VirtualService, and checks what holds for any.
func everything(fatalf func(string, ...any), vs *unstructured.Unstructured) {
	before := clone(vs)
	reviews := service("shop/reviews")
	mirroring := fuzzed
	mirroring.Weight, mirroring.Mirror = 0, 5000
	found := Recover(vs)
	for i, splits := range [][]Split{{fuzzed}, {mirroring}, found} {
		applied, err := Apply(vs, splits)
		if err != nil {
			continue
		}
		if !reflect.DeepEqual(Strip(applied).Object, Strip(vs).Object) {
			fatalf("Strip of Apply is not Strip: %v", vs.Object)
		}
		again, err := Apply(applied, splits)
		if err != nil || !reflect.DeepEqual(again.Object, applied.Object) {
			fatalf("Apply twice: %v, %v, want %v", err, again, applied.Object)
		}
		if half := i == 2; half || !notable(vs) {
			continue // what somebody has edited need not hold a whole policy
		}
		recovered, err := Apply(applied, Recover(applied))
		if err != nil || !reflect.DeepEqual(recovered.Object, applied.Object) {
			fatalf("Apply of what Recover finds: %v, %v, want %v", err, recovered, applied.Object)
		}
	}
	if HasOurs(Strip(vs)) {
		fatalf("Strip leaves ours: %v", vs.Object)
	}
	Read(vs)
	References(vs)
	Mirrors(vs)
	Stands(vs, reviews)
	VisibleIn(vs, "shop")
	OursFor(vs)
	Concerns(vs)
	Delegates(vs)
	SubsetsOf(vs, reviews)
	_ = L4Faults(vs, reviews)
	Retarget(vs, reviews, map[string]string{"v1": "v2"})
	_, _ = Rules(RulesInput{Service: reviews, VirtualServices: []*unstructured.Unstructured{vs}, Rules: []*unstructured.Unstructured{vs}, Mirror: true})
	if !reflect.DeepEqual(before.Object, vs.Object) {
		fatalf("the input was changed: %v", vs.Object)
	}
}
