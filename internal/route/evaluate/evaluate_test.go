package evaluate

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// objects reads YAML documents.
func objects(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for document := range strings.SplitSeq(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		out = append(out, u)
	}
	return out
}

// get is a request from shop's productpage for reviews, with changes.
func get(changes ...func(*Request)) Request {
	r := Request{
		Proxy: Proxy{Namespace: "shop", Labels: map[string]string{"app": "productpage"}},
		Host:  "reviews", Port: 9080, Path: "/",
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}

func path(p string) func(*Request)       { return func(r *Request) { r.Path = p } }
func method(m string) func(*Request)     { return func(r *Request) { r.Method = m } }
func scheme(s string) func(*Request)     { return func(r *Request) { r.Scheme = s } }
func host(h string) func(*Request)       { return func(r *Request) { r.Host = h } }
func port(p uint32) func(*Request)       { return func(r *Request) { r.Port = p } }
func from(ns string) func(*Request)      { return func(r *Request) { r.Proxy.Namespace = ns } }
func joining(r *Request)                 { r.Proxy.JoinsHeaders = true }
func through(name string) func(*Request) { return func(r *Request) { r.Gateway, r.Port = name, 80 } }
func header(name, value string) func(*Request) {
	return func(r *Request) { r.Headers = append(r.Headers, Header{name, value}) }
}

// told is a result in one line.
func told(r Result) string {
	var parts []string
	if r.Route.VirtualService.Name != "" {
		parts = append(parts, r.Route.String())
	}
	switch r.Outcome {
	case Forwarded, Unrouted:
		parts = append(parts, string(r.Outcome))
		for _, d := range r.Destinations {
			to := strings.TrimSuffix(d.Host, "."+domain) + "/" + d.Subset
			if d.Port != 0 {
				to += fmt.Sprintf(":%d", d.Port)
			}
			parts = append(parts, to+"="+d.Share.RatString())
		}
	case Redirected:
		parts = append(parts, fmt.Sprint(r.Redirect.Status), r.Redirect.Location)
	case Answered:
		parts = append(parts, fmt.Sprint(r.DirectResponse.Status), r.DirectResponse.Body)
	default:
		parts = append(parts, string(r.Outcome))
	}
	return strings.Join(parts, " ")
}

// answers is a VirtualService in which each route answers with another status, so
// that a result says which one matched.
func answers(routes ...string) string {
	text := `metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
`
	for i, route := range routes {
		text += fmt.Sprintf("  - {directResponse: {status: %d}, %s}\n", 200+i, route)
	}
	return text
}

// A single condition: does it hold, and if not, why.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		match   string
		request Request
		why     string // empty: it matches
	}{
		{`{}`, get(), ""},
		{`{uri: {}}`, get(path("/x")), ""},
		{`{uri: {exact: /a}}`, get(path("/a?b=c")), ""},
		{`{uri: {exact: /a}}`, get(path("/a/")), `uri is "/a/", want "/a"`},
		{`{uri: {exact: /a}}`, get(path("/A")), `uri is "/A", want "/a"`},
		{`{uri: {exact: /a}, ignoreUriCase: true}`, get(path("/A")), ""},
		{`{uri: {prefix: /Api}, ignoreUriCase: true}`, get(path("/apis")), ""},
		{`{uri: {prefix: /api}}`, get(path("/apis")), ""},
		{`{uri: {prefix: /api}}`, get(path("/x?/api")), `uri is "/x", want prefix "/api"`},
		{`{uri: {regex: "/a|/b"}}`, get(path("/b?x")), ""},
		{`{uri: {regex: "/a|/b"}}`, get(path("/bc")), `uri is "/bc", want regex "/a|/b"`},
		{`{uri: {regex: "/a"}, ignoreUriCase: true}`, get(path("/A")), `uri is "/A", want regex "/a"`},
		{`{uri: {regex: "/a)|(/b"}}`, get(path("/b")), `uri is "/b", want regex "/a)|(/b"`},
		{`{uri: {exact: /c}}`, get(path("/a/../%63")), ""},
		{`{uri: {exact: /c}}`, get(path("/c#d?e")), ""},
		{`{method: {exact: POST}}`, get(method("POST")), ""},
		{`{method: {exact: POST}}`, get(), `method is "GET", want "POST"`},
		{`{method: {}}`, get(), ""},
		{`{scheme: {exact: https}}`, get(scheme("https")), ""},
		{`{scheme: {exact: https}}`, get(), `scheme is "http", want "https"`},
		{`{authority: {exact: reviews}}`, get(host("reviews:9080")), `authority is "reviews:9080", want "reviews"`},
		{`{authority: {prefix: reviews}}`, get(host("reviews:9080")), ""},
		{`{headers: {end-user: {exact: jason}}}`, get(header("End-User", " jason ")), ""},
		{`{headers: {End-User: {exact: jason}}}`, get(header("end-user", "jason")), ""},
		{`{headers: {end-user: {exact: jason}}}`, get(), `header end-user is absent, want "jason"`},
		{`{headers: {end-user: {exact: jason}}}`, get(header("end-user", "Jason")), `header end-user is "Jason", want "jason"`},
		{`{headers: {a: {exact: "2"}}}`, get(header("a", "1"), header("A", "2")), ""},
		{`{headers: {a: {exact: "1,2"}}}`, get(header("a", "1"), header("a", "2")), `header a is "1, 2", want "1,2"`},
		{`{headers: {a: {exact: "1,2"}}}`, get(header("a", "1"), header("a", "2"), joining), ""},
		{`{headers: {a: {exact: "1"}}}`, get(header("a", "1"), header("a", "2"), joining), `header a is "1,2", want "1"`},
		{`{headers: {user-agent: {exact: "1,2"}}}`, get(header("user-agent", "1"), header("user-agent", ""), header("User-Agent", "2")), ""},
		{`{headers: {a: {exact: ""}}}`, get(header("a", "")), ""},
		{`{headers: {a: {exact: ""}}}`, get(), `header a is absent, want ""`},
		{`{headers: {a: {}}}`, get(header("a", "")), ""},
		{`{headers: {a: {}}}`, get(), `header a is absent, want any value`},
		{`{headers: {a: {regex: "*"}}}`, get(header("a", "x")), ""},
		{`{headers: {a: {regex: ".*"}}}`, get(), `header a is absent, want regex ".*"`},
		{`{headers: {a: {prefix: x}, A: {regex: ".*y"}}}`, get(header("a", "xy")), ""},
		{`{headers: {a: {prefix: x}, A: {regex: ".*y"}}}`, get(header("a", "xz")), `header A is "xz", want regex ".*y"`},
		{`{headers: {":path": {prefix: "/a?b"}}}`, get(path("/a?bc")), ""},
		{`{headers: {":method": {exact: GET}, host: {exact: reviews}}}`, get(), ""},
		{`{headers: {uri: {exact: /}}}`, get(), `header uri is absent, want "/"`},
		{`{headers: {cookie: {regex: "(.*;\\s*)?User=Internal(;.*)?"}}}`, get(header("cookie", "a=b; User=Internal; c=d")), ""},
		{`{headers: {cookie: {regex: "(.*;\\s*)?User=Internal(;.*)?"}}}`, get(header("cookie", "XUser=Internal")),
			`header cookie is "XUser=Internal", want regex "(.*;\\s*)?User=Internal(;.*)?"`},
		{`{headers: {"@request.auth.claims.sub": {exact: jason}}}`, get(), "@request.auth.claims.sub is absent: no token was verified"},
		{`{withoutHeaders: {"@request.auth.claims[sub]": {exact: jason}}}`, get(), ""},
		{`{withoutHeaders: {a: {}}}`, get(), ""},
		{`{withoutHeaders: {a: {}}}`, get(header("a", "")), `header a is "", want none`},
		{`{withoutHeaders: {a: {exact: "2"}}}`, get(header("a", "1"), header("a", "2")), `header a is "2", want anything but "2"`},
		{`{withoutHeaders: {a: {exact: "1,2"}}}`, get(header("a", "1"), header("a", "2")), ""},
		{`{withoutHeaders: {a: {exact: "1,2"}}}`, get(header("a", "1"), header("a", "2"), joining), `header a is "1,2", want anything but "1,2"`},
		{`{withoutHeaders: {a: {exact: x}}}`, get(), ""},
		{`{withoutHeaders: {a: {exact: x}}}`, get(header("a", "y")), ""},
		{`{withoutHeaders: {a: {exact: x}}}`, get(header("a", "x")), `header a is "x", want anything but "x"`},
		{`{withoutHeaders: {a: {exact: ""}}}`, get(), `header a is absent, want anything but ""`},
		{`{withoutHeaders: {a: {regex: ".*"}}}`, get(), `header a is absent, want anything but regex ".*"`},
		{`{headers: {a: {prefix: x}}, withoutHeaders: {a: {exact: xy}}}`, get(header("a", "xz")), ""},
		{`{headers: {a: {prefix: x}}, withoutHeaders: {a: {exact: xy}}}`, get(header("a", "xy")), `header a is "xy", want anything but "xy"`},
		{`{queryParams: {v: {exact: "2"}}}`, get(path("/?u=1&v=2&v=3")), ""},
		{`{queryParams: {v: {exact: "3"}}}`, get(path("/?v=2&v=3")), `query parameter v is "2", want "3"`},
		{`{queryParams: {v: {exact: "a b"}}}`, get(path("/?v=a%20b")), `query parameter v is "a%20b", want "a b"`},
		{`{queryParams: {v: {}}}`, get(path("/?v")), ""},
		{`{queryParams: {v: {exact: ""}}}`, get(path("/?v")), ""},
		{`{queryParams: {v: {}}}`, get(path("/?w=v")), "query parameter v is absent, want any value"},
		{`{queryParams: {v: {exact: "1"}, w: {exact: "2"}}}`, get(path("/?v=1&&w=3")), `query parameter w is "3", want "2"`},
		{`{port: 9080}`, get(), ""},
		{`{port: 80}`, get(), "port is 9080, want 80"},
		{`{sourceLabels: {app: productpage}, sourceNamespace: shop}`, get(), ""},
		{`{sourceLabels: {app: web}}`, get(), `label app of the caller is "productpage", want "web"`},
		{`{sourceNamespace: web}`, get(), "namespace of the caller is shop, want web"},
		{`{gateways: [mesh], sourceNamespace: web}`, get(), ""},
		{`{gateways: [front]}`, get(), "gateway is mesh, want shop/front"},
	} {
		result := Evaluate(Input{VirtualServices: objects(t, answers("match: ["+c.match+"]", "name: rest"))}, c.request)
		why := ""
		if len(result.Trace) > 0 {
			why = result.Trace[0].Why
		}
		if why != c.why || (result.Route.Index == 0) != (c.why == "") {
			t.Errorf("%s for %s: %q, want %q", c.match, c.request.Path, why, c.why)
		}
	}
}

// The first that matches wins, match by match.
func TestOrder(t *testing.T) {
	all := objects(t, answers(
		"name: one, match: [{headers: {a: {}}}, {uri: {prefix: /one}}]",
		"name: two, match: [{method: {exact: POST}}, {uri: {prefix: /}}, {uri: {prefix: /never}}]",
		"name: three",
	))
	for _, c := range []struct {
		request Request
		want    string
	}{
		{get(header("a", "x"), path("/one")), `shop/reviews http[0] "one" match[0] 200 `},
		{get(path("/one")), `shop/reviews http[0] "one" match[1] 200 `},
		{get(method("POST")), `shop/reviews http[1] "two" match[0] 201 `},
		{get(), `shop/reviews http[1] "two" match[1] 201 `},
	} {
		if got := told(Evaluate(Input{VirtualServices: all}, c.request)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.request, got, c.want)
		}
	}
	trace := Evaluate(Input{VirtualServices: all}, get()).Trace
	if got, want := fmt.Sprint(trace), `[{shop/reviews http[0] "one" match[0] header a is absent, want any value}`+
		` {shop/reviews http[0] "one" match[1] uri is "/", want prefix "/one"}`+
		` {shop/reviews http[1] "two" match[0] method is "GET", want "POST"}]`; got != want {
		t.Errorf("trace %s, want %s", got, want)
	}
}

func TestNormalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/a//b/": "/a//b/", "/a/./b": "/a/b", "/a/../b": "/b", "/../..": "/", "/a/b/..": "/a/", "/a/.": "/a/",
		"/a/%2e%2E/b": "/b", `/a\..\b`: "/b", "/%41%2D%7e": "/A-~", "/a%2fb": "/a%2fb", "/a%2": "/a%2", "/a%zz": "/a%zz",
		"/é": "/%C3%A9", `/a"b`: "/a%22b", "/a?../b": "/a?../b", "*": "*",
	} {
		if got, ok := normalPath(in); got != want || !ok {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := Evaluate(Input{}, get(path("/%00"))).Outcome; got != Refused {
		t.Errorf("a zero in the path: %s", got)
	}
}
