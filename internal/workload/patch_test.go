package workload_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

const podTemplate = `
metadata: {labels: {app: reviews}, annotations: {team: a}}
spec:
  hovercraft: eels # of a newer API
  containers:
  - {name: app, image: "reviews:1.0", env: [{name: A, value: a}], resources: {limits: {cpu: "1"}}}
  - {name: sidecar, image: "log:1.0"}
`

func template(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPatched: what the API server would drop without a word is refused, by its
// path; what fits, directives included, is not.
func TestPatched(t *testing.T) {
	for name, c := range map[string]struct{ patch, refused string }{
		"an environment":              {"{spec: {containers: [{name: app, env: [{name: B, value: b}]}]}}", ""},
		"annotations":                 {"{metadata: {annotations: {team: b}}}", ""},
		"a new container":             {"{spec: {containers: [{name: more, image: more:1}]}}", ""},
		"a directive":                 {"{spec: {containers: [{name: sidecar, $patch: delete}]}}", ""},
		"directives on lists":         {"{spec: {$setElementOrder/containers: [{name: app}, {name: sidecar}], containers: [{name: app, env: [{$patch: replace}, {name: B, value: b}]}]}}", ""},
		"kept keys":                   {"{spec: {strategy: null, $retainKeys: [containers]}}", "no field spec.strategy"},
		"an unknown field there":      {"{spec: {hovercraft: full}}", ""},
		"a mistyped container":        {"{spec: {containers: [{name: nope, env: [{name: B, value: b}]}]}}", `"nope" to spec.containers without an image; those that exist: app, sidecar`},
		"a mistyped init container":   {"{spec: {initContainers: [{name: nope, env: []}]}}", `"nope" to spec.initContainers without an image; those that exist: none`},
		"one level too deep":          {"{spec: {template: {spec: {}}}}", "no field spec.template"},
		"a mistyped field":            {"{spec: {contayners: []}}", "no field spec.contayners"},
		"a mistyped field in a list":  {"{spec: {containers: [{name: app, enw: []}]}}", "no field spec.containers.enw"},
		"a mistyped field, deleted":   {"{spec: {contayners: null}}", "no field spec.contayners"},
		"a name":                      {"{metadata: {name: x}}", "only annotations"},
		"labels":                      {"{metadata: {labels: {app: x}}}", "labels"},
		"metadata replaced":           {"{metadata: {$patch: replace, annotations: {team: b}}}", "labels"},
		"a value of another kind":     {"{spec: {containers: none}}", "does not fit"},
		"a value of another kind, in": {"{spec: {containers: [{name: app, env: [{name: [], value: b}]}]}}", "does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workload.Patched(template(t, podTemplate), c.patch)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("got %v, want a refusal with %q", err, c.refused)
			}
		})
	}
}

// TestSame: templates are compared by what they mean.
func TestSame(t *testing.T) {
	known := strings.Replace(podTemplate, "  hovercraft: eels # of a newer API\n", "", 1)
	for name, c := range map[string]struct {
		of, patch string
		want      bool
	}{
		"another way to write a quantity": {known, `{spec: {containers: [{name: app, resources: {limits: {cpu: 1000m}}}]}}`, true},
		"an empty list":                   {known, `{spec: {volumes: []}}`, true},
		"another quantity":                {known, `{spec: {containers: [{name: app, resources: {limits: {cpu: 1100m}}}]}}`, false},
		"an unknown field":                {podTemplate, `{spec: {hovercraft: full}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := template(t, c.of)
			after, err := workload.Patched(before, c.patch)
			if err != nil {
				t.Fatal(err)
			}
			if got := workload.Same(before, after); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
