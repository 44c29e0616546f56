package decide_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func splits() []route.Split {
	return []route.Split{{
		Service: types.NamespacedName{Namespace: "shop", Name: "reviews"}, Weight: 2500,
		Subsets: route.Subsets{"": {Original: route.SubsetOriginal, Version: route.SubsetVersion}},
	}}
}

func TestPutBack(t *testing.T) {
	const head = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
`
	const user = `{timeout: 3s, route: [{destination: {host: reviews}}]}`
	const ours = `{timeout: 3s, route: [{destination: {host: reviews, subset: grayscale-original}, weight: 7500}, {destination: {host: reviews, subset: grayscale-version}, weight: 2500}]}`
	const stale = `{route: [{destination: {host: reviews, subset: grayscale-original}}]}`
	cases := []struct {
		name, spec, op string
		splits         []route.Split
		routes         int
	}{
		{name: "dropped", spec: `{hosts: [reviews], http: [` + user + `]}`, splits: splits(), op: "replace", routes: 2},
		{name: "there", spec: `{hosts: [reviews], http: [` + ours + `, ` + user + `]}`, splits: splits()},
		{name: "another share", spec: `{hosts: [reviews], http: [` + stale + `, ` + user + `]}`, splits: splits(), op: "replace", routes: 2},
		{name: "no route of the Service any more", spec: `{hosts: [reviews], http: [{redirect: {uri: /}}]}`, splits: splits()},
		{name: "only ours left", spec: `{hosts: [reviews], http: [` + stale + `]}`, splits: splits(), op: "replace"},
		{name: "no routes", spec: `{hosts: [reviews]}`, splits: splits()},
		{name: "no release", spec: `{hosts: [reviews], http: [` + user + `]}`},
		{name: "no list", spec: `{hosts: [reviews], http: 7}`, splits: splits()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			vs := read(t, head+"spec: "+c.spec)
			whole := vs.DeepCopy()
			operations, err := decide.PutBack(vs, c.splits)
			if err != nil {
				t.Fatal(err)
			}
			if !equal(vs, whole) {
				t.Error("the object that was written is changed")
			}
			operation := decide.Operation{}
			if len(operations) > 0 {
				operation = operations[0]
			}
			if len(operations) > 1 {
				t.Errorf("%d operations, want one at most", len(operations))
			}
			if operation.Op != c.op {
				t.Fatalf("got %q, want %q", operation.Op, c.op)
			}
			if list, _ := operation.Value.([]any); len(list) != c.routes {
				t.Errorf("got %d routes, want %d", len(list), c.routes)
			}
			if c.op != "" && operation.Path != "/spec/http" {
				t.Errorf("touches %s", operation.Path)
			}
		})
	}
}

func TestPutBackSaysWhatIsWrong(t *testing.T) {
	vs := read(t, `{metadata: {name: reviews, namespace: shop}, spec: {http: [{route: [{destination: {host: reviews}}]}]}}`)
	_, err := decide.PutBack(vs, append(splits(), splits()...))
	if err == nil || !strings.Contains(err.Error(), "VirtualService shop/reviews") {
		t.Errorf("got %v, want an error that names the VirtualService", err)
	}
}

func equal(a, b *unstructured.Unstructured) bool {
	one, err1 := a.MarshalJSON()
	two, err2 := b.MarshalJSON()
	return string(one) == string(two) && (err1 == nil) == (err2 == nil)
}
