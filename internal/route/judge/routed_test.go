package judge

import (
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// ports are those of the Service, named as a user might.
var ports = []release.Port{
	{Name: "http", Number: 8080}, {Name: "http-admin", Number: 8081}, {Name: "tcp", Number: 9000},
	{Name: "tcp-two", Number: 9001}, {Name: "db", Number: 9100}, {Name: "tls", Number: 9443},
}

// edge is a gateway with a server of each kind.
const edge = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}
`

// routed is a release in a mesh of generated routes.
type routed struct {
	ports []release.Port
	users []*unstructured.Unstructured
	rules []*unstructured.Unstructured // the user's DestinationRules
	share intent.Share
}

func genRouted(t *rapid.T) routed {
	c := routed{share: genShare(t)}
	for _, port := range ports {
		if rapid.IntRange(0, 2).Draw(t, "has port "+port.Name) > 0 {
			c.ports = append(c.ports, port)
		}
	}
	if len(c.ports) == 0 {
		c.ports = ports[:1]
	}
	c.users = objects("VirtualService", genVirtualServices(t))
	c.rules = objects("DestinationRule", []map[string]any{{
		"metadata": map[string]any{"name": "reviews", "namespace": "shop"},
		"spec": map[string]any{"host": "reviews", "subsets": []any{
			map[string]any{"name": "v1", "labels": map[string]any{"version": "v1"}},
		}},
	}})
	return c
}

// services is the Service with its ports, and another one.
func (c routed) services() string {
	var list []string
	for _, port := range c.ports {
		list = append(list, fmt.Sprintf("{name: %s, port: %d}", port.Name, port.Number))
	}
	const form = `
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: shop}
spec: {clusterIP: %s, selector: {app: %s}, ports: [%s]}
`
	all := strings.Join(list, ", ")
	return fmt.Sprintf(form, "reviews", "10.0.0.9", "reviews", all) + "---" + fmt.Sprintf(form, "ratings", "10.0.0.10", "ratings", all)
}

// Istio's validation accepts what becomes of every VirtualService that it
// accepts. Where nothing is refused, Envoy could take every listener that istiod
// makes, each connection's destinations are the user's but for the split, and no
// request or connection of any caller in the mesh, and of any gateway, reaches the
// pods of both versions unsplit.
func TestGeneratedRoutes(t *testing.T) {
	cases := 120
	if more, err := strconv.Atoi(os.Getenv("JUDGE_CASES")); err == nil {
		cases = more
	}
	sound := 0
	for seed := range cases {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := rapid.Custom(genRouted).Example(seed)
			c.users = slices.DeleteFunc(c.users, func(vs *unstructured.Unstructured) bool { return !accepted(vs) })
			result, gaps, refused := c.decide()
			if len(refused) > 0 && testing.Verbose() {
				t.Log(refused)
			}
			split := route.Split{Service: reviews, Weight: c.share.Weight, Match: c.share.Match, Mirror: c.share.Mirror, Subsets: result.Subsets}
			var after []*unstructured.Unstructured
			for _, vs := range c.users {
				applied, err := route.Apply(vs, []route.Split{split})
				if err != nil {
					if len(refused) == 0 && !strings.Contains(err.Error(), "restricts") {
						t.Errorf("nothing is refused, but Apply fails: %v", err)
					}
					return
				}
				after = append(after, applied)
			}
			if !gaps.None() {
				own, err := route.Fill(split, gaps)
				if err != nil {
					t.Fatal(err)
				}
				own.Object["metadata"].(map[string]any)["creationTimestamp"] = []any{"2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"}[seed%2]
				after = append(after, own)
			}
			objects := slices.Concat(after, result.Want, c.rules)
			valid := configs(t, objects...)
			if len(refused) > 0 || t.Failed() {
				return
			}
			sound++
			c.compare(t, result, configs(t, slices.Concat(c.users, c.rules)...), valid)
			if t.Failed() {
				for _, object := range objects {
					t.Logf("%s %s: %v", object.GetKind(), object.GetName(), object.Object["spec"])
				}
			}
		})
	}
	if sound < cases/5 {
		t.Errorf("only %d of %d were not refused", sound, cases)
	}
}

var reviews = types.NamespacedName{Namespace: "shop", Name: "reviews"}

// accepted says whether Istio's validation takes the user's own object.
func accepted(vs *unstructured.Unstructured) bool {
	_, err := parse(vs)
	return err == nil
}

// decide says what stands in the way of a release.
func (c routed) decide() (route.RulesResult, route.Gaps, intent.Faults) {
	result, faults := route.Rules(route.RulesInput{
		Service: reviews, Ports: c.ports, Rules: c.rules, VirtualServices: c.users, Mirror: true,
		Versions: release.Versions{
			Label: "version", Original: "v1", Grayscale: "v2",
			OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
		},
	})
	gaps, more := route.FindGaps(reviews, c.ports, c.users)
	faults = append(faults, more...)
	for _, vs := range c.users {
		faults = append(faults, route.L4Faults(vs, reviews)...)
		faults = append(faults, route.RootMirrorFaults(vs, reviews, result.Subsets)...)
	}
	return result, gaps, faults
}

// mesh makes an istiod of these configurations.
func (c routed) mesh(t *testing.T, all []config.Config) *xds.FakeDiscoveryServer {
	return xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		Configs: all, ConfigString: edge, MeshConfig: mesh.DefaultMeshConfig(), KubernetesObjectString: c.services(),
	})
}

// compare looks at every caller's proxy before and after.
func (c routed) compare(t *testing.T, result route.RulesResult, before, after []config.Config) {
	was, is := c.mesh(t, before), c.mesh(t, after)
	for _, caller := range callers {
		then := proxyOf(t, was, caller.namespace, caller.labels)
		now := proxyOf(t, is, caller.namespace, caller.labels)
		name := fmt.Sprintf("%s/%s", caller.namespace, caller.labels)
		for _, wrong := range slices.Concat(now.clashes(), now.connections(then, c.share.Weight, result.Subsets), now.unsplit(c.share.Weight, result.Subsets)) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// shared gives what becomes of a cluster's share of a connection's destinations.
func shared(name string, share *big.Rat, weight intent.Weight, subsets route.Subsets) map[string]*big.Rat {
	parts := strings.Split(name, "|")
	out := map[string]*big.Rat{}
	if len(parts) != 4 || parts[3] != host {
		return map[string]*big.Rat{name: share}
	}
	target, ok := subsets[parts[2]]
	if !ok || target.Pinned && weight == 0 {
		return map[string]*big.Rat{name: share}
	}
	grayscale := big.NewRat(int64(weight), int64(intent.Full))
	original := new(big.Rat).Sub(big.NewRat(1, 1), grayscale)
	for subset, part := range map[string]*big.Rat{target.Original: original, target.Version: grayscale} {
		if part.Sign() > 0 {
			parts[2] = subset
			out[strings.Join(parts, "|")] = new(big.Rat).Mul(share, part)
		}
	}
	return out
}
