package route

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// TestCrowd: at a gateway, a copy by content of a route for everything comes
// before the routes of other VirtualServices of the host.
func TestCrowd(t *testing.T) {
	const (
		everything = `{route: [{destination: {host: reviews}}]}`
		slash      = `{match: [{uri: {prefix: /}}], route: [{destination: {host: reviews}}]}`
		narrow     = `{match: [{uri: {prefix: /ratings}}], route: [{destination: {host: ratings}}]}`
		all        = `{route: [{destination: {host: ratings}}]}`
	)
	vs := func(name, age, gateways, host, route string) *unstructured.Unstructured {
		return fromText(t, fmt.Sprintf(`{metadata: {name: %s, namespace: shop, creationTimestamp: "2026-01-0%sT00:00:00Z"}, spec: {hosts: [%s], gateways: [%s], http: [%s]}}`, name, age, host, gateways, route))
	}
	mine := func(route string) *unstructured.Unstructured {
		return vs("mine", "2", "mesh, front", "shop.test", route)
	}
	for name, c := range map[string]struct {
		mine, other *unstructured.Unstructured
		want        bool
	}{
		"a younger one's narrow route":       {mine(everything), vs("other", "3", "front", "shop.test", narrow), true},
		"by the full name of the gateway":    {mine(slash), vs("other", "3", "shop/front", "SHOP.test", narrow), true},
		"a younger one's route for all":      {mine(everything), vs("other", "3", "front", "shop.test", all), false},
		"an older one's narrow route":        {mine(everything), vs("other", "1", "front", "shop.test", narrow), false},
		"an older one's route for all":       {mine(everything), vs("other", "1", "front", "shop.test", all), true},
		"another host":                       {mine(everything), vs("other", "3", "front", "other.test", narrow), false},
		"another gateway":                    {mine(everything), vs("other", "3", "back", "shop.test", narrow), false},
		"the mesh, where only one stands":    {mine(everything), vs("other", "3", "mesh", "shop.test", narrow), false},
		"a route of mine that is narrow too": {mine(`{match: [{uri: {prefix: /api}}], route: [{destination: {host: reviews}}]}`), vs("other", "3", "front", "shop.test", narrow), false},
	} {
		t.Run(name, func(t *testing.T) {
			split := Split{Service: service("shop/reviews"), Subsets: Subsets{"": {Original: SubsetOriginal, Version: SubsetVersion}}}
			byWeight, err := Apply(c.mine, []Split{split})
			if err != nil {
				t.Fatal(err)
			}
			if faults := CrowdFaults(byWeight, []*unstructured.Unstructured{c.mine, c.other}); faults != nil {
				t.Errorf("without a rule: %v", faults)
			}
			split.Match = []content.Rule{{Headers: map[string]content.Match{"end-user": {Kind: content.Exact, Value: "jason"}}}}
			after, err := Apply(c.mine, []Split{split})
			if err != nil {
				t.Fatal(err)
			}
			faults := CrowdFaults(after, []*unstructured.Unstructured{c.mine, c.other})
			if (len(faults) > 0) != c.want {
				t.Fatalf("%v, want a fault: %t", faults, c.want)
			}
			if said := faults.Error(); c.want && (!strings.Contains(said, "shop/mine") || !strings.Contains(said, "shop/other")) {
				t.Errorf("the fault does not name both: %s", said)
			}
		})
	}
}
