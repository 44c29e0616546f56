package controller

import (
	"context"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

const claimed = `metadata:
  name: NAME
  namespace: shop
  uid: uid-NAME
  annotations: {grayscale.dev/status: '{"schema":1,"task":"NAME-v2","phase":"Ready","service":{"name":"NAME","uid":"uid-NAME"},"clone":"NAME-v2","original":{"name":"NAME-v1"}}'}
spec: {selector: {app: NAME}}
`

func held(name string) string {
	return "apiVersion: v1\nkind: Service\n" + strings.ReplaceAll(claimed, "NAME", name)
}

const (
	free     = "apiVersion: v1\nkind: Service\nmetadata: {name: all, namespace: shop}\nspec: {selector: {app: reviews}}"
	delegate = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: part, namespace: shop}\nspec: {http: [{route: [{destination: {host: reviews}}]}]}"
	root     = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: root, namespace: edge}\nspec: {hosts: [shop.example.com], http: [{delegate: {name: part, namespace: shop}}]}"
	namesake = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: grayscale-reviews, namespace: shop}\nspec: {host: details}"
	wildcard = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: all, namespace: edge}\nspec: {hosts: ['*.svc.cluster.local'], http: [{route: [{destination: {host: other}}]}]}"
	clone    = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ratings-v2, namespace: shop}\nspec: {template: {metadata: {labels: {app: ratings}}}}"
	asks     = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any, namespace: shop, annotations: {grayscale.dev/release: task}}\nspec: {template: {metadata: {labels: {app: reviews}}}}"
	nothing  = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any, namespace: shop}\nspec: {template: {metadata: {labels: {app: reviews}}}}"
)

// TestWhoIsWoken: a change wakes the Services that it could matter to, and no
// other.
func TestWhoIsWoken(t *testing.T) {
	var objects []*unstructured.Unstructured
	for _, text := range []string{held("reviews"), held("ratings"), free, delegate} {
		objects = append(objects, parse(t, text))
	}
	w := watcher{snapshot.Files(objects)}
	for name, test := range map[string]struct {
		by   func(context.Context, client.Object) []reconcile.Request
		text string
		want []string
	}{
		"itself":                        {w.service, free, []string{"shop/all"}},
		"a sibling":                     {w.sibling, free, []string{"shop/ratings", "shop/reviews"}},
		"a sibling that is one":         {w.sibling, held("reviews"), []string{"shop/ratings"}},
		"a route":                       {w.virtualService, delegate, []string{"shop/reviews"}},
		"the root of a delegate":        {w.virtualService, root, []string{"shop/reviews"}},
		"a wildcard":                    {w.virtualService, wildcard, []string{"shop/ratings", "shop/reviews"}},
		"a rule by our name":            {w.destinationRule, namesake, []string{"shop/reviews"}},
		"a clone":                       {w.deployment, clone, []string{"shop/ratings"}},
		"an intent":                     {w.deployment, asks, []string{"shop/all", "shop/reviews"}},
		"a Deployment of nobody's":      {w.deployment, nothing, nil},
		"endpoints of a held Service":   {w.slice, endpoints("ratings"), []string{"shop/ratings"}},
		"endpoints of another, of none": {w.slice, endpoints("all"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range test.by(context.Background(), parse(t, test.text)) {
				got = append(got, r.String())
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("woken %v, want %v", got, test.want)
			}
		})
	}
}

func endpoints(service string) string {
	return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a, namespace: shop, labels: {kubernetes.io/service-name: " + service + "}}"
}

// TestLeading: what a Service says of a release is no new way to its pods.
func TestLeading(t *testing.T) {
	before := parse(t, held("reviews"))
	for text, want := range map[string]bool{
		held("reviews"): false,
		strings.Replace(held("reviews"), "Ready", "Routing", 1):         false,
		strings.Replace(held("reviews"), "app: reviews", "app: any", 1): true,
	} {
		if got := leading(before, parse(t, text)); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = u.UnmarshalJSON(data) // numbers as the API server's
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}
