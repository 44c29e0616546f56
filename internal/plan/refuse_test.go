package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var reviewsKey = types.NamespacedName{Namespace: "shop", Name: "reviews"}

// aService is one of namespace shop with these fields of its spec.
func aService(name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetKind("Service")
	u.SetNamespace("shop")
	u.SetName(name)
	return u
}

func istio(kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetAPIVersion("networking.istio.io/v1")
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// refusals are what stands in the way of a release of v1 to v2, with that
// Service, as far as the intent does not accept it.
func refusals(service *unstructured.Unstructured, change func(*plan.Snapshot), accept ...intent.Risk) (out []string) {
	s := plan.Snapshot{Key: reviewsKey, Service: service, Services: []*unstructured.Unstructured{service}, Settings: plan.Defaults}
	if change != nil {
		change(&s)
	}
	faults := plan.Refusals(s, release.Spec{
		Intent: intent.Intent{Accept: accept}, Service: release.ServiceOf(service),
		Versions: release.Versions{
			Label: "version", Original: "v1", Grayscale: "v2",
			OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"},
		},
	})
	for _, f := range faults {
		out = append(out, f.Error())
	}
	return out
}

func plainService(ports ...any) *unstructured.Unstructured {
	return aService("reviews", map[string]any{"selector": map[string]any{"app": "reviews"}, "ports": ports})
}

// TestPortsNoRouteSplits: what no route can split would go to both versions,
// whatever the policy.
func TestPortsNoRouteSplits(t *testing.T) {
	for _, test := range []struct {
		port map[string]any
		why  string // empty: it can be released
	}{
		{map[string]any{"name": "http"}, ""},
		{map[string]any{"name": "http", "protocol": "TCP"}, ""},
		{map[string]any{"name": "db", "appProtocol": "http"}, ""},
		{map[string]any{}, ""},
		{map[string]any{"name": "tcp-db"}, ""},
		{map[string]any{"name": "https"}, "carries TLS that no TLS route leads"},
		{map[string]any{"name": "dns", "protocol": "UDP"}, "is UDP"},
		{map[string]any{"protocol": "SCTP"}, "is SCTP"},
		{map[string]any{"name": "http-quic", "protocol": "UDP"}, "is UDP"},
	} {
		test.port["port"] = int64(80)
		got := refusals(plainService(test.port), nil)
		named := slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "Service shop/reviews port 80 "+test.why) })
		if named != (test.why != "") || test.why == "" && len(got) > 0 {
			t.Errorf("port %v: got %q, want %q", test.port, got, test.why)
		}
		if got := refusals(plainService(test.port), nil, intent.Unrouted); len(got) > 0 {
			t.Errorf("port %v is accepted, and refused: %q", test.port, got)
		}
	}
}

func selecting(labels ...string) map[string]any {
	selector := map[string]any{}
	for n := 0; n < len(labels); n += 2 {
		selector[labels[n]] = labels[n+1]
	}
	return map[string]any{"selector": selector}
}

// TestOtherWays: each is refused by name, with what would be right, unless the
// intent accepts that callers come by it.
func TestOtherWays(t *testing.T) {
	http := map[string]any{"name": "http", "port": int64(80)}
	add := func(objects ...*unstructured.Unstructured) func(*plan.Snapshot) {
		return func(s *plan.Snapshot) { s.Services = append(s.Services, objects...) }
	}
	way := func(w plan.Way) func(*plan.Snapshot) { return func(s *plan.Snapshot) { s.Ways = []plan.Way{w} } }
	kind := func(spec map[string]any) *unstructured.Unstructured {
		u := plainService(http)
		for key, value := range spec {
			if err := unstructured.SetNestedField(u.Object, value, "spec", key); err != nil {
				t.Fatal(err)
			}
		}
		return u
	}
	for name, test := range map[string]struct {
		service *unstructured.Unstructured
		change  func(*plan.Snapshot)
		want    string // empty: it can be released
	}{
		"nothing":              {plainService(http), nil, ""},
		"another app":          {plainService(http), add(aService("ratings", selecting("app", "ratings"))), ""},
		"a Service of no pods": {plainService(http), add(aService("external", map[string]any{})), ""},
		"a sibling":            {plainService(http), add(aService("all", selecting("app", "reviews"))), "Service shop/all selects the pods of both versions"},
		"the original's":       {plainService(http), add(aService("old", selecting("app", "reviews", "version", "v1"))), "Service shop/old selects the pods of version v1 alone"},
		"the grayscale's":      {plainService(http), add(aService("new", selecting("version", "v2"))), "Service shop/new selects the pods of version v2 alone"},
		"a third version's":    {plainService(http), add(aService("third", selecting("app", "reviews", "version", "v3"))), ""},
		"a headless sibling": {plainService(http), add(aService("peers", map[string]any{"clusterIP": "None", "selector": map[string]any{"app": "reviews"}})),
			"Service shop/peers selects the pods of both versions"},
		"a node port":     {kind(map[string]any{"type": "NodePort"}), nil, "Service shop/reviews is of type NodePort"},
		"a load balancer": {kind(map[string]any{"type": "LoadBalancer"}), nil, "Service shop/reviews is of type LoadBalancer"},
		"external IPs":    {kind(map[string]any{"externalIPs": []any{"192.0.2.1"}}), nil, "Service shop/reviews has externalIPs"},
		"an Ingress": {plainService(http), way(plan.Way{What: "Ingress shop/front", Why: "leads to it", Right: "remove it"}),
			"Ingress shop/front leads to it; remove it"},
		"a ServiceEntry for the pods": {plainService(http), way(plan.Way{What: "ServiceEntry shop/old", Why: "is another host for pods", Selects: map[string]string{"app": "reviews"}}),
			"ServiceEntry shop/old is another host for pods: it selects the pods of both versions"},
		"a ServiceEntry for others": {plainService(http), way(plan.Way{What: "ServiceEntry shop/old", Selects: map[string]string{"app": "ratings"}}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusals(test.service, test.change)
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("got %q", got)
			case test.want == "":
			case len(got) != 1 || !strings.HasPrefix(got[0], test.want) || !strings.HasSuffix(got[0], "or accept the risk with grayscale.dev/accept: unrouted"):
				t.Errorf("got %q, want %q and how to accept it", got, test.want)
			}
			if got := refusals(test.service, test.change, intent.Unrouted); len(got) > 0 {
				t.Errorf("it is accepted, and refused: %q", got)
			}
		})
	}
}

// TestNothingHelps: what no risk covers stays refused.
func TestNothingHelps(t *testing.T) {
	route := func(host string) map[string]any {
		return map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": host}}}}
	}
	all := func(kinds ...*unstructured.Unstructured) func(*plan.Snapshot) {
		return func(s *plan.Snapshot) { s.VirtualServices = kinds }
	}
	http := map[string]any{"name": "http", "port": int64(80)}
	for name, test := range map[string]struct {
		change func(*plan.Snapshot)
		want   []string // parts of the one refusal; none: it can be released
	}{
		"a wildcard": {
			all(istio("VirtualService", "edge", "wild", map[string]any{"hosts": []any{"*.shop.svc.cluster.local"}, "http": []any{route("catchall")}})),
			[]string{"VirtualService edge/wild", `"*.shop.svc.cluster.local"`, "add a VirtualService of your own for the host reviews.shop.svc.cluster.local", "no risk can be accepted"},
		},
		"a mirror": {
			all(istio("VirtualService", "shop", "ratings", map[string]any{"hosts": []any{"ratings"}, "http": []any{map[string]any{
				"route": route("ratings")["route"], "mirror": map[string]any{"host": "reviews"},
			}}})), nil,
		},
		"a TCP route by subnet": {
			all(istio("VirtualService", "shop", "tcp", map[string]any{"hosts": []any{"reviews"}, "http": []any{route("reviews")}, "tcp": []any{map[string]any{
				"match": []any{map[string]any{"destinationSubnets": []any{"10.0.0.0/8"}}}, "route": route("reviews")["route"],
			}}})),
			[]string{"VirtualService shop/tcp route tcp[0]", "destinationSubnets"},
		},
		"a rule by our name": {
			func(s *plan.Snapshot) {
				s.Namesakes = []*unstructured.Unstructured{istio("DestinationRule", "shop", "grayscale-reviews", map[string]any{"host": "ratings"})}
			},
			[]string{"DestinationRule shop/grayscale-reviews is somebody else's", "give it another name"},
		},
		"a route by our name": {
			func(s *plan.Snapshot) {
				s.Namesakes = []*unstructured.Unstructured{istio("VirtualService", "shop", "grayscale-reviews", map[string]any{"hosts": []any{"ratings"}})}
			},
			[]string{"VirtualService shop/grayscale-reviews is somebody else's", "give it another name"},
		},
		"a route by our name where none of ours is needed": {
			func(s *plan.Snapshot) {
				s.VirtualServices = []*unstructured.Unstructured{istio("VirtualService", "shop", "reviews", map[string]any{"hosts": []any{"reviews"}, "http": []any{route("reviews")}})}
				s.Namesakes = []*unstructured.Unstructured{istio("VirtualService", "shop", "grayscale-reviews", map[string]any{"hosts": []any{"ratings"}})}
			}, nil,
		},
		"a name like ours elsewhere": {
			func(s *plan.Snapshot) {
				s.Namesakes = []*unstructured.Unstructured{istio("DestinationRule", "edge", "grayscale-reviews", map[string]any{"host": "ratings"})}
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, accepted := range [][]intent.Risk{nil, {intent.Unrouted, intent.Managed, intent.Undersized, intent.Unprotected}} {
				got := refusals(plainService(http), test.change, accepted...)
				if len(test.want) == 0 && len(got) > 0 || len(test.want) > 0 && len(got) != 1 {
					t.Fatalf("accepting %v: got %q, want %q", accepted, got, test.want)
				}
				for _, part := range test.want {
					if !strings.Contains(fmt.Sprint(got), part) {
						t.Errorf("got %q, want %q in it", got, part)
					}
				}
			}
		})
	}
}
