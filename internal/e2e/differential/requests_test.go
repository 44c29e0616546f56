package differential

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

var (
	callerLabels  = map[string]string{"app": "client"}
	gatewayLabels = map[string]string{"istio": "ingressgateway", "app": "istio-ingressgateway"}
)

// request asks for a slot's host in some way.
func (d dice) request(w *world, i int, byGateway bool) question {
	q := question{slot: i, Request: evaluate.Request{
		Port: port, Method: pick(d, methods...), Path: pick(d, paths...) + pick(d, queries...),
		Proxy: evaluate.Proxy{Namespace: "default", Labels: callerLabels, JoinsHeaders: w.older},
	}}
	inside := slot(i) + "." + w.namespace
	q.Host = pick(d, inside, inside+":9080", inside+".svc", inside+".svc.cluster.local", strings.ToUpper(inside), inside+".svc.cluster.local:9080")
	if byGateway {
		q.Gateway, q.Port = w.namespace+"/front", 80
		q.Proxy = evaluate.Proxy{Namespace: "istio-system", Labels: gatewayLabels, JoinsHeaders: w.older}
		host := w.here(outer(i))
		q.Host = pick(d, host, host, host+":80", host+":8080", strings.ToUpper(host))
	}
	if d.one(40) {
		q.Host = w.here(pick(d, "unknown.example", "unknown.$NS.test", "secure.$NS.test", "secure.$NS.test:80", "secure.$NS.test:8080"))
		if !byGateway {
			q.Host = w.here(outer(i)) // in the mesh a host that is no Service's
		}
	}
	for _, name := range names {
		for n := d.IntN(5); n < 3 && d.one(2); n++ {
			q.Headers = append(q.Headers, evaluate.Header{Name: d.cased(name), Value: pick(d, values[name]...)})
		}
	}
	// HTTP/2's client does not take every path.
	q.http2 = d.one(4) && !strings.HasPrefix(q.Path, "//") && q.Method != http.MethodHead
	return q
}

// like makes requests that are more likely to match: it takes the words of a
// VirtualService's own conditions.
func (d dice) like(q *question, match object) {
	if uri, ok := match["uri"].(object); ok {
		for _, key := range []string{"exact", "prefix"} {
			if path, ok := uri[key].(string); ok {
				q.Path = path + pick(d, "", "", "x", "/x")
				if key == "exact" {
					q.Path = path
				}
			}
		}
		q.Path += pick(d, queries...)
	}
	if want, ok := wanted(match["method"]); ok && slices.Contains(methods, want) {
		q.Method = want
	}
	headers, _ := match["headers"].(object)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		want, ok := wanted(headers[name])
		if !ok || strings.HasPrefix(name, ":") || strings.EqualFold(name, "host") {
			continue
		}
		// White space around a value is not part of it, but for HTTP/2 it is not
		// allowed either, and then nobody takes it away.
		q.Headers = append(without(q.Headers, name), evaluate.Header{Name: d.cased(name), Value: strings.TrimSpace(want)})
	}
	hidden, _ := match["withoutHeaders"].(object)
	for _, name := range slices.Sorted(maps.Keys(hidden)) {
		if headers[name] == nil && !d.one(4) {
			q.Headers = without(q.Headers, name)
		}
	}
	parameters, _ := match["queryParams"].(object)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if want, ok := wanted(parameters[name]); ok && !strings.Contains(want, " ") {
			path, _, _ := strings.Cut(q.Path, "?")
			q.Path = fmt.Sprintf("%s?%s=%s", path, name, want)
		}
	}
	if strings.HasPrefix(q.Path, "//") || q.Method == http.MethodHead {
		q.http2 = false
	}
}

// wanted is a value that fulfils a condition other than a regular expression.
func wanted(condition any) (string, bool) {
	fields, ok := condition.(object)
	if !ok {
		return "", false
	}
	for _, key := range []string{"exact", "prefix"} {
		if value, ok := fields[key].(string); ok {
			return value, true
		}
	}
	return "", false
}

func without(headers []evaluate.Header, name string) []evaluate.Header {
	var out []evaluate.Header
	for _, h := range headers {
		if !strings.EqualFold(h.Name, name) {
			out = append(out, h)
		}
	}
	return out
}

// seen is a request as the evaluator is told of it: HTTP/2 may send a cookie in
// parts, which Envoy puts together. Its client here sends the first user agent
// only, and none that is empty.
func (q question) seen() evaluate.Request {
	r := q.Request
	if !q.http2 {
		return r
	}
	var cookies, agents []string
	for _, h := range r.Headers {
		switch {
		case strings.EqualFold(h.Name, "cookie"):
			cookies = append(cookies, h.Value)
		case strings.EqualFold(h.Name, "user-agent"):
			agents = append(agents, h.Value)
		}
	}
	r.Headers = without(r.Headers, "user-agent")
	if len(agents) > 0 && agents[0] != "" {
		r.Headers = append(r.Headers, evaluate.Header{Name: "user-agent", Value: agents[0]})
	}
	if len(cookies) > 0 {
		r.Headers = append(without(r.Headers, "cookie"), evaluate.Header{Name: "cookie", Value: strings.Join(cookies, "; ")})
	}
	return r
}

// someMatch gives a match of one of a slot's routes.
func (d dice) someMatch(live map[string]*unstructured.Unstructured, i int) object {
	u := live[fmt.Sprintf("s%d-%s", i, pick(d, "a", "b", "c"))]
	if u == nil {
		return nil
	}
	http, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	if len(http) == 0 {
		return nil
	}
	route, _ := pick(d, http...).(object)
	matches, _ := route["match"].([]any)
	if len(matches) == 0 {
		return nil
	}
	match, _ := pick(d, matches...).(object)
	return match
}
