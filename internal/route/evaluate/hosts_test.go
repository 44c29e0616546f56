package evaluate

import (
	"fmt"
	"strings"
	"testing"
)

// stands is a VirtualService that answers everything with a status.
func stands(name, status, spec string) string {
	namespace, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf(`metadata: {name: %s, namespace: %s, creationTimestamp: "2026-01-01T00:00:%s0Z"}
spec: {http: [{directResponse: {status: %s}}], %s}`, name, namespace, status[2:], status, spec)
}

// Which VirtualService stands for the host, in the mesh.
func TestInTheMesh(t *testing.T) {
	for _, c := range []struct {
		name    string
		all     []string
		request Request
		want    string
	}{
		{"none", nil, get(), "Unrouted reviews.shop/:9080=1"},
		{"none, and no Service's name", nil, get(host("example.com.")), "Unrouted"},
		{"a short name", []string{stands("shop/a", "200", "hosts: [reviews]")}, get(), "200"},
		{"a full name", []string{stands("shop/a", "200", "hosts: [Reviews.shop.svc.cluster.local]")}, get(host("REVIEWS.shop.svc:9080")), "200"},
		{"a name of another namespace", []string{stands("web/a", "200", "hosts: [reviews]")}, get(), "Unrouted reviews.shop/:9080=1"},
		{"a name with a dot is taken as it is", []string{stands("shop/a", "200", "hosts: [reviews.shop]")}, get(host("reviews.shop")), "Unrouted reviews.shop/:9080=1"},
		{"but on port 80", []string{stands("shop/a", "200", "hosts: [reviews.shop]")}, get(host("reviews.shop"), port(80)), "200"},
		{"and beside a Service", []string{stands("shop/a", "200", "hosts: [ratings, shop.example]")}, get(host("shop.example")), "200"},
		{"from another namespace", []string{stands("shop/a", "200", "hosts: [reviews]")}, get(from("web"), host("reviews.shop")), "200"},
		{"the caller's own name", []string{stands("shop/a", "200", "hosts: [reviews]")}, get(from("web")), "Unrouted reviews.web/:9080=1"},
		{"at a gateway only", []string{stands("shop/a", "200", "hosts: [reviews], gateways: [front]")}, get(), "Unrouted reviews.shop/:9080=1"},
		{"at both", []string{stands("shop/a", "200", "hosts: [reviews], gateways: [front, mesh]")}, get(), "200"},
		{"the oldest of two", []string{stands("shop/a", "202", "hosts: [reviews]"), stands("shop/b", "201", "hosts: [reviews]")}, get(), "201"},
		{"a specific one before a wildcard", []string{stands("shop/w", "200", `hosts: ["*.shop.svc.cluster.local"]`), stands("shop/a", "201", "hosts: [reviews]")}, get(), "201"},
		{"a wildcard", []string{stands("shop/w", "200", `hosts: ["*.shop.svc.cluster.local"]`), stands("shop/a", "201", "hosts: [ratings]")}, get(), "200"},
		{"the longest wildcard", []string{stands("shop/w", "200", `hosts: ["*.cluster.local"]`), stands("shop/v", "201", `hosts: ["*.shop.svc.cluster.local"]`)}, get(), "201"},
		{"a wildcard of the world outside", []string{stands("shop/w", "200", `hosts: ["*.example"]`)}, get(host("shop.example"), port(80)), "200"},
		{"not exported", []string{stands("shop/a", "200", `hosts: [reviews], exportTo: ["."]`)}, get(from("web"), host("reviews.shop")), "Unrouted reviews.shop/:9080=1"},
		{"exported to nobody", []string{stands("shop/a", "200", `hosts: [reviews], exportTo: ["~"]`)}, get(), "Unrouted reviews.shop/:9080=1"},
		{"a younger private one first", []string{stands("shop/a", "200", "hosts: [reviews]"), stands("shop/b", "202", `hosts: [reviews], exportTo: ["."]`),
			stands("web/c", "201", "hosts: [reviews.shop.svc.cluster.local], exportTo: [shop]")}, get(), "202"},
		{"then one exported to the caller", []string{stands("shop/a", "200", "hosts: [reviews]"),
			stands("web/c", "201", "hosts: [reviews.shop.svc.cluster.local], exportTo: [shop]")}, get(), "201"},
		{"no route for the port is no VirtualService", []string{
			"metadata: {name: a, namespace: shop}\nspec: {hosts: [reviews], http: [{match: [{port: 80}], directResponse: {status: 200}}]}",
		}, get(), "Unrouted reviews.shop/:9080=1"},
		{"then the next one stands", []string{
			"metadata: {name: a, namespace: shop}\nspec: {hosts: [reviews], http: [{match: [{sourceNamespace: web}], directResponse: {status: 200}}]}",
			stands("shop/b", "201", "hosts: [reviews]"),
		}, get(), "201"},
		{"but no wildcard", []string{
			"metadata: {name: a, namespace: shop}\nspec: {hosts: [reviews], http: [{match: [{sourceNamespace: web}], directResponse: {status: 200}}]}",
			stands("shop/b", "201", `hosts: ["*.shop.svc.cluster.local"]`),
		}, get(), "Unrouted reviews.shop/:9080=1"},
		{"only TCP", []string{"metadata: {name: a, namespace: shop}\nspec: {hosts: [reviews], tcp: [{route: [{destination: {host: reviews}}]}]}"},
			get(), "Unrouted reviews.shop/:9080=1"},
		{"unreadable", []string{"metadata: {name: a, namespace: shop}\nspec: {hosts: [reviews], http: yes}", stands("shop/b", "201", "hosts: [reviews]")}, get(), "201"},
		{"unknown fields", []string{stands("shop/a", "200", "hosts: [reviews], future: {a: 1}")}, get(), "200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hold(t, c.all, nil, c.request, c.want)
		})
	}
}

// hold compares the end of a result in one line.
func hold(t *testing.T, all, gateways []string, r Request, want string) {
	t.Helper()
	in := Input{}
	if len(all) > 0 {
		in.VirtualServices = objects(t, strings.Join(all, "\n---\n"))
	}
	if len(gateways) > 0 {
		in.Gateways = objects(t, strings.Join(gateways, "\n---\n"))
	}
	result := Evaluate(in, r)
	got := strings.TrimSpace(told(result))
	if result.Route.VirtualService.Name != "" {
		got = strings.TrimSpace(strings.TrimPrefix(got, result.Route.String()))
	}
	if got != want {
		t.Errorf("%s, want %s", told(result), want)
	}
}

func TestAtAGateway(t *testing.T) {
	front := `metadata: {name: front, namespace: shop}
spec: {servers: [{port: {number: 80}, hosts: ["./*.test", "web/web.example"]}, {port: {number: 8443}, hosts: ["*"]},
  {port: {number: 80}, tls: {httpsRedirect: true}, hosts: [safe.test, alone.example]}]}`
	at := func(host string) Request { return get(through("shop/front"), func(r *Request) { r.Host = host }) }
	narrow := func(name, status, match, hosts string) string {
		return fmt.Sprintf("metadata: {name: %s, namespace: shop}\nspec: {hosts: [%s], gateways: [front], http: [{match: [%s], directResponse: {status: %s}}]}",
			name, hosts, match, status)
	}
	for _, c := range []struct {
		name    string
		all     []string
		request Request
		want    string
	}{
		{"by name", []string{stands("shop/a", "200", "hosts: [a.test], gateways: [front]")}, at("A.test:8080"), "200"},
		{"by namespace and name", []string{stands("web/a", "200", "hosts: [a.test], gateways: [shop/front]")}, at("a.test"), "NotFound"},
		{"by namespace and name, of a host for that namespace", []string{stands("web/a", "200", "hosts: [web.example], gateways: [shop/front]")}, at("web.example"), "200"},
		{"by the old full name", []string{stands("shop/a", "200", "hosts: [a.test], gateways: [front.shop.svc.cluster.local]")}, at("a.test"), "200"},
		{"a host that the Gateway does not serve", []string{stands("shop/a", "200", "hosts: [a.example], gateways: [front]")}, at("a.example"), "NotFound"},
		{"by a wider host", []string{stands("shop/a", "200", `hosts: ["*"], gateways: [front]`)}, at("a.test"), "200"},
		{"a wildcard stands for something", []string{stands("shop/a", "200", `hosts: ["*.test"], gateways: [front]`)}, at(".test"), "NotFound"},
		{"the specific host first", []string{stands("shop/w", "200", `hosts: ["*.test"], gateways: [front]`), stands("shop/a", "201", `hosts: [a.test], gateways: [front]`)},
			at("a.test"), "201"},
		{"a host is one VirtualService's, routes or not", []string{stands("shop/w", "200", `hosts: ["*.test"], gateways: [front]`), narrow("a", "201", "{uri: {exact: /x}}", "a.test")},
			at("a.test"), "NotFound"},
		{"of the mesh only", []string{stands("shop/a", "200", "hosts: [a.test]")}, at("a.test"), "NotFound"},
		{"routes for everything come last", []string{stands("shop/a", "200", "hosts: [a.test], gateways: [front]"), narrow("b", "201", "{method: {exact: GET}}", "a.test")},
			at("a.test"), "201"},
		{"what the server's port is", []string{narrow("b", "201", "{port: 80}", "a.test")}, at("a.test"), "201"},
		{"conditions on the gateway", []string{narrow("b", "201", "{gateways: [mesh]}, {gateways: [shop/front], sourceNamespace: nowhere}", "a.test")}, at("a.test"), "201"},
		{"conditions on its pod", []string{narrow("b", "201", "{sourceLabels: {app: productpage}}", "a.test")}, at("a.test"), "201"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hold(t, c.all, []string{front}, c.request, c.want)
		})
	}
	for name, want := range map[string]string{"safe.test:80": "301 https://safe.test:80/", "alone.example": "301 https://alone.example/", "a.test": "200"} {
		t.Run("TLS wanted for "+name, func(t *testing.T) {
			hold(t, []string{stands("shop/a", "200", `hosts: ["*.test", safe.test], gateways: [front]`)}, []string{front}, at(name), want)
		})
	}
	t.Run("TLS wanted, and given", func(t *testing.T) {
		r := at("safe.test")
		r.Scheme = "https"
		hold(t, []string{stands("shop/a", "200", `hosts: [safe.test], gateways: [front]`)}, []string{front}, r, "200")
	})
	t.Run("a Gateway that is not known", func(t *testing.T) {
		hold(t, []string{stands("shop/a", "200", "hosts: [a.example], gateways: [front]")}, nil, at("a.example"), "200")
	})
}

// A prefix of routes that istiod made of an Ingress ends at a slash.
func TestSeparatedPrefix(t *testing.T) {
	text := `metadata: {name: a, namespace: shop, annotations: {internal.istio.io/route-semantics: ingress}}
spec: {hosts: [reviews], http: [{match: [{uri: {prefix: /api/}}], directResponse: {status: 200}}]}`
	for path, want := range map[string]string{"/api": "200", "/api/x": "200", "/apis": "NotFound"} {
		hold(t, []string{text}, nil, get(func(r *Request) { r.Path = path }), want)
	}
}
