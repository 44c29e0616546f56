package trace

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// objects reads YAML documents.
func objects(t *testing.T, text string) []unstructured.Unstructured {
	t.Helper()
	var all []unstructured.Unstructured
	for _, document := range strings.Split(text, "\n---\n") {
		var content map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &content); err != nil {
			t.Fatal(err)
		}
		all = append(all, unstructured.Unstructured{Object: content})
	}
	return all
}

func TestOf(t *testing.T) {
	const clean = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: reviews-v2
  namespace: default
  managedFields: [{manager: grayscale-controller, operation: Update}]
spec: {replicas: 3}
---
apiVersion: v1
kind: Pod
metadata: {name: grayscale-controller-x, namespace: grayscale-system, labels: {app.kubernetes.io/name: grayscale}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: default
  managedFields: [{manager: kubectl-client-side-apply}]
spec: {http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: v1
kind: Service
metadata:
  name: reviews
  namespace: default
  annotations: {grayscale.dev/history: '{"entries":[]}'}
spec: {selector: {app: reviews}}
`
	for name, test := range map[string]struct {
		from, to string
		others   []string
	}{
		"clean":      {"", "", nil},
		"annotation": {"name: reviews-v2", "name: reviews-v2\n  annotations: {grayscale.dev/release: reviews-v2}", []string{"deployment/reviews-v2 metadata.annotations[grayscale.dev/release]"}},
		"label":      {"name: reviews-v2", "name: reviews-v2\n  labels: {grayscale.dev/of: reviews-v1}", []string{"deployment/reviews-v2 metadata.labels[grayscale.dev/of]"}},
		"status":     {`'{"entries":[]}'`, `'{"entries":[]}', grayscale.dev/status: '{}'`, []string{"service/reviews metadata.annotations[grayscale.dev/status]"}},
		"subset":     {"{host: reviews}", "{host: reviews, subset: grayscale-version}", []string{"virtualservice/reviews spec.http[0].route[0].destination.subset"}},
		"manager":    {"kubectl-client-side-apply", "grayscale-controller", []string{"virtualservice/reviews metadata.managedFields[grayscale-controller]"}},
		"object": {"apiVersion: v1\nkind: Service", "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: grayscale-reviews, namespace: default}\n---\napiVersion: v1\nkind: Service",
			[]string{"destinationrule/grayscale-reviews metadata.name"}},
		"history of a Deployment": {"name: reviews-v2", "name: reviews-v2\n  annotations: {grayscale.dev/history: x}", []string{"deployment/reviews-v2 metadata.annotations[grayscale.dev/history]"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := objects(t, strings.Replace(clean, test.from, test.to, 1))
			r := Of(all, "grayscale-system")
			if !slices.Equal(r.Others, test.others) {
				t.Errorf("got %q, want %q", r.Others, test.others)
			}
			if want := []string{"service/reviews metadata.annotations[grayscale.dev/history]"}; !slices.Equal(r.History, want) {
				t.Errorf("history: got %q, want %q", r.History, want)
			}
			if r.Looked != len(all)-1 {
				t.Errorf("looked at %d of %d objects", r.Looked, len(all))
			}
		})
	}
}

func TestDiff(t *testing.T) {
	const user = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default, generation: 1, resourceVersion: "7", managedFields: [{manager: a}]}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews}}]
`
	before := objects(t, user)
	for name, test := range map[string]struct {
		from, to string
		want     []string // lines of the diff
	}{
		"the same":         {"", "", nil},
		"written again":    {`generation: 1, resourceVersion: "7"`, `generation: 9, resourceVersion: "99"`, nil},
		"a subset":         {"{host: reviews}", "{host: reviews, subset: v2}", []string{"+        subset: v2"}},
		"an annotation":    {"name: reviews,", "name: reviews, annotations: {a: b},", []string{"+  annotations:", "+    a: b"}},
		"another object":   {"spec:", "spec:\n  gateways: [bookinfo]", []string{"+  gateways:", "+  - bookinfo"}},
		"another name":     {"name: reviews,", "name: ratings,", []string{"-  name: reviews", "+  name: ratings"}},
		"a field is gone":  {"  hosts: [reviews]\n", "", []string{"-  hosts:", "-  - reviews"}},
		"written by us":    {"manager: a", "manager: b", nil},
		"a number differs": {"{host: reviews}}]", "{host: reviews}, weight: 100}]", []string{"+      weight: 100"}},
	} {
		t.Run(name, func(t *testing.T) {
			diff, err := Diff(before, objects(t, strings.Replace(user, test.from, test.to, 1)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(diff) {
				if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "+") && !strings.HasPrefix(line, "+++") || strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---") {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q; the diff:\n%s", got, test.want, diff)
			}
		})
	}
	if diff, err := Diff(before, nil); err != nil || !strings.Contains(diff, "-kind: VirtualService") {
		t.Errorf("all gone: %q, %v", diff, err)
	}
}
