package evaluate

import (
	"fmt"
	"strings"
	"testing"
)

// A delegate's routes, within the root's conditions.
func TestDelegates(t *testing.T) {
	for _, c := range []struct {
		root, own string // match of the root's route and of the delegate's
		request   Request
		want      string // the clause that says why not; empty: it matches
	}{
		{``, ``, get(), ""},
		{`{uri: {prefix: /a}}`, ``, get(path("/a")), ""},
		{`{uri: {prefix: /a}}`, ``, get(), `uri is "/", want prefix "/a"`},
		{``, `{uri: {prefix: /a}}`, get(), `uri is "/", want prefix "/a"`},
		{`{uri: {prefix: /a}}`, `{uri: {prefix: /a/b}}`, get(path("/a/b")), ""},
		{`{uri: {prefix: /a}}`, `{uri: {exact: /a/b}}`, get(path("/a/b")), ""},
		{`{uri: {prefix: /a}}`, `{headers: {x: {exact: foo}}}`, get(path("/b"), header("x", "foo")), `uri is "/b", want prefix "/a"`},
		{`{uri: {prefix: /a}}`, `{headers: {x: {exact: foo}}}`, get(path("/a"), header("x", "foo")), ""},
		{`{headers: {x: {exact: foo}}}`, `{headers: {X: {prefix: bar}}}`, get(header("x", "foo")), `header X is "foo", want prefix "bar"`},
		{`{headers: {x: {prefix: foo}}}`, `{headers: {x: {exact: foox}}}`, get(header("x", "foox")), ""},
		{`{headers: {x: {}}}`, `{headers: {x: {exact: foo}}}`, get(header("x", "foo")), conflict("header x")},
		{`{headers: {x: {regex: foo}}}`, `{headers: {x: {exact: foo}}}`, get(header("x", "foo")), conflict("header x")},
		{`{withoutHeaders: {x: {exact: foo}}}`, `{withoutHeaders: {x: {exact: bar}}}`, get(), conflict("withoutHeaders x")},
		{`{queryParams: {x: {exact: foo}}}`, `{queryParams: {x: {exact: bar}}}`, get(), conflict("queryParams x")},
		{`{uri: {prefix: /a}}`, `{uri: {prefix: /b}}`, get(path("/b")), conflict("uri")},
		{`{uri: {exact: /a}}`, `{uri: {prefix: /a}}`, get(path("/a")), conflict("uri")},
		{`{uri: {exact: /a}}`, `{uri: {exact: /a}}`, get(path("/a")), ""},
		{`{uri: {regex: /a.*}}`, `{method: {exact: GET}}`, get(path("/ab")), ""},
		{`{method: {regex: GET}}`, `{method: {exact: GET}}`, get(), conflict("method")},
		{`{ignoreUriCase: true}`, `{uri: {prefix: /a}}`, get(path("/a")), conflict("ignoreUriCase")},
		{`{uri: {prefix: /A}, ignoreUriCase: true}`, ``, get(path("/a")), ""},
		{`{port: 9080}`, `{port: 80}`, get(), conflict("port")},
		{`{sourceNamespace: shop}`, `{method: {exact: GET}}`, get(), conflict("sourceNamespace")},
		{`{sourceLabels: {app: productpage}}`, `{sourceLabels: {v: "1"}}`, get(), `label v of the caller is "", want "1"`},
		{`{sourceLabels: {app: productpage}}`, `{sourceLabels: {app: web}}`, get(), conflict("sourceLabels app")},
		{`{gateways: [mesh]}`, `{gateways: [mesh, front]}`, get(), conflict("gateways")},
		{`{gateways: [mesh, front]}`, `{gateways: [mesh]}`, get(), ""},
		{`{uri: {prefix: /a}}, {uri: {prefix: /b}}`, `{uri: {exact: /b/c}}`, get(path("/b/c")), ""},
		{`{uri: {prefix: /a}}, {uri: {prefix: /b}}`, `{uri: {exact: /b/c}}, {uri: {exact: /c}}`, get(path("/b/c")), conflict("uri")},
	} {
		text := fmt.Sprintf(`metadata: {name: root, namespace: shop}
spec: {hosts: [reviews], http: [{%sdelegate: {name: team, namespace: web}}]}
---
metadata: {name: team, namespace: web}
spec: {http: [{%sdirectResponse: {status: 200}}]}`, matching(c.root), matching(c.own))
		result := Evaluate(Input{VirtualServices: objects(t, text)}, c.request)
		why := ""
		if len(result.Trace) > 0 {
			why = result.Trace[0].Why
		}
		if why != c.want {
			t.Errorf("root %s, delegate %s: %q, want %q", c.root, c.own, why, c.want)
		}
	}
}

func conflict(on string) string {
	return "istiod leaves the route out, because its condition on " + on + " does not fit within the root's"
}

func matching(match string) string {
	if match == "" {
		return ""
	}
	return "match: [" + match + "], "
}

// What the delegate's route does not say comes from the root's, but for its name,
// which is put together; a host is completed where it is written.
func TestMergedRoute(t *testing.T) {
	text := `metadata: {name: root, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - {name: gone, delegate: {name: nobody}}
  - {name: hidden, delegate: {name: private, namespace: web}}
  - name: root
    match: [{uri: {prefix: /a}}]
    delegate: {name: team, namespace: web}
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    mirror: {host: copy}
    mirrorPercentage: {value: 50}
  - {directResponse: {status: 404}}
---
metadata: {name: private, namespace: web}
spec: {exportTo: ["."], http: [{directResponse: {status: 200}}]}
---
metadata: {name: team, namespace: web}
spec:
  http:
  - {name: other, match: [{uri: {prefix: /b}}], directResponse: {status: 200}}
  - {name: own, match: [{method: {exact: GET}}], route: [{destination: {host: reviews, subset: v1}}]}
  - {route: [{destination: {host: reviews, subset: v2}}]}`
	all := Input{VirtualServices: objects(t, text)}
	r := Evaluate(all, get(path("/a")))
	want := `shop/root http[2] → web/team http[1] "root-own" match[0] Forwarded reviews.web/v1=1`
	if got := told(r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(r.Mirrors, *r.Fault), "[{copy.shop.svc.cluster.local  0 500000}] {0s 0 418  1000000}"; got != want {
		t.Errorf("mirrors and fault %s, want %s", got, want)
	}
	var trace []string
	for _, step := range r.Trace {
		trace = append(trace, step.Route.String()+": "+step.Why)
	}
	if got, want := strings.Join(trace, "\n"), `shop/root http[0] → shop/nobody http[0] "gone": there is no VirtualService shop/nobody without hosts to delegate to
shop/root http[1] → web/private http[0] "hidden": the delegate web/private is not exported to namespace shop
shop/root http[2] → web/team http[0] "other": istiod leaves the route out, because its condition on uri does not fit within the root's`; got != want {
		t.Errorf("trace:\n%s\nwant:\n%s", got, want)
	}
	if got, want := told(Evaluate(all, get(path("/a"), method("POST")))), `shop/root http[2] → web/team http[2] "root" match[0] Forwarded reviews.web/v2=1`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
