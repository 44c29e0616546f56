package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type object = map[string]any

// dice throw everything: one seed gives one run.
type dice struct{ *rand.Rand }

// one in n.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// The words that routes and requests are made of: few, so that they meet.
var (
	paths = []string{
		"/", "/api", "/api/", "/api/v1", "/API/v1", "/apis", "/static/a.css", "/a/../api", "/%61pi/v2", "/api%2fv1", "//api", "/api/./v1/..", `/api\v1`, "/b%C3%A9", "/a%20b",
	}
	queries = []string{
		"", "", "?", "?v=1", "?v=2&v=1", "?user=jason&v=1", "?user=Jason", "?v", "?v=", "?%76=1", "?v=a%20b", "?user=a+b&beta", "?beta=true&user=jason", "?&&v=1", "?v=1=2",
	}
	uris       = []string{"/", "/api", "/api/", "/api/v1", "/API", "/static", "/a", "/apis", "/b%C3%A9"}
	uriRegexes = []string{".*", "/api.*", "/(api|static)/.*", "/[a-z]+", "(?i)/API/V1", "/api/v[0-9]", "/"}
	names      = []string{"end-user", "x-flag", "cookie", "user-agent", "x_under"}
	values     = map[string][]string{
		"end-user":   {"jason", "Jason", "jason2", "jas", "", "a,b", "a=b"},
		"x-flag":     {"on", "off", "", "on,off", "true"},
		"cookie":     {"User=Internal", "a=b; User=Internal", "XUser=Internal", "User=Internal2; c=d", "User=", "user=internal", `User="Internal"`},
		"user-agent": {"Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36", "Mozilla/5.0 (iPhone) Version/17.0 Safari/604.1", "curl/8", ""},
		"x_under":    {"1", "2"},
	}
	regexes = map[string][]string{
		"end-user":   {".*", "jas.*", "(?i)jason", "jason|jas", "[^,]*", ".+", "*"},
		"x-flag":     {"on|off", "o.*", ".*", "", "*"},
		"cookie":     {`(.*;\s*)?User=Internal(;.*)?`, ".*User=.*", `(?i).*user=internal.*`},
		"user-agent": {".*Chrome/.*", ".*(iPhone|iPad).*", `.*Version/[0-9.]+ Safari.*`, ".*"},
		"x_under":    {"[0-9]"},
	}
	parameters      = []string{"v", "user", "beta", "%76"}
	parameterValues = []string{"1", "2", "", "jason", "a%20b", "a b", "a+b", "true", "1=2"}
	methods         = []string{"GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"}
)

// stringMatch is a condition on one of some values. Istio refuses an empty prefix
// and an empty regular expression.
func (d dice) stringMatch(from, patterns []string) object {
	value := pick(d, from...)
	switch d.IntN(8) {
	case 0:
		return object{} // present
	case 1, 2:
		if prefix := value[:d.IntN(len(value)+1)]; prefix != "" {
			return object{"prefix": prefix}
		}
	case 3, 4:
		if pattern := pick(d, patterns...); pattern != "" {
			return object{"regex": pattern}
		}
	}
	return object{"exact": value}
}

// cased writes a header's name in some case.
func (d dice) cased(name string) string {
	switch d.IntN(4) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}

func (d dice) headerMatches() object {
	out := object{}
	for range 1 + d.IntN(2) {
		switch d.IntN(12) {
		case 0:
			out[":path"] = object{"prefix": pick(d, uris...)}
		case 1:
			out[":method"] = d.stringMatch(methods, []string{"P.*", "GET|HEAD"})
		case 2:
			out[pick(d, "host", ":authority")] = object{"regex": ".*:[0-9]+"}
		case 3:
			out[pick(d, "uri", "method", "scheme", "authority")] = object{"exact": pick(d, "GET", "/", "http")}
		default:
			name := pick(d, names...)
			out[d.cased(name)] = d.stringMatch(values[name], regexes[name])
		}
	}
	return out
}

// match is one match of a route, about the request alone or also about where it
// comes from. Only a prefix of the path goes with prefixRewrite.
func (d dice) match(w *world, prefixOnly bool) object {
	out := object{}
	switch d.IntN(5) {
	case 0:
		out["uri"] = object{"exact": pick(d, uris...)}
	case 1:
		out["uri"] = object{"regex": pick(d, uriRegexes...)}
	case 2, 3:
		out["uri"] = object{"prefix": pick(d, uris...)}
	}
	if uri, ok := out["uri"].(object); ok && prefixOnly && uri["prefix"] == nil {
		out["uri"] = object{"prefix": pick(d, uris...)}
	}
	if d.one(4) {
		out["ignoreUriCase"] = true
	}
	if d.one(3) {
		out["headers"] = d.headerMatches()
	}
	if d.one(4) {
		out["withoutHeaders"] = d.headerMatches()
	}
	if d.one(4) {
		out["queryParams"] = object{pick(d, parameters...): d.stringMatch(parameterValues, []string{"[0-9]", ".*", "jas.*"})}
	}
	if d.one(6) {
		out["method"] = d.stringMatch(methods, []string{"P.*", "GET|HEAD"})
	}
	if d.one(16) {
		out["scheme"] = d.stringMatch([]string{"http", "https"}, []string{"https?"})
	}
	if d.one(12) {
		out["authority"] = pick(d, object{"regex": `.*:[0-9]+`}, object{"prefix": "r"}, object{"exact": w.here(outer(1))})
	}
	if d.one(10) {
		out["port"] = pick[int64](d, 80, port)
	}
	if d.one(10) {
		out["sourceLabels"] = object{pick(d, "app", "istio"): pick(d, "client", "ingressgateway", "other")}
	}
	if d.one(10) {
		out["sourceNamespace"] = pick(d, "default", "istio-system", w.namespace)
	}
	if d.one(10) {
		out["gateways"] = pick(d, []any{"mesh"}, []any{"front"}, []any{w.namespace + "/front", "mesh"})
	}
	if d.one(8) {
		out["name"] = "m"
	}
	if d.one(8) {
		out["statPrefix"] = "p"
	}
	return out
}

// destination is one of a slot's Service, or of another beside it.
func (d dice) destination(w *world, i int) object {
	to := object{"host": pick(d, slot(i), slot(i)+"."+w.namespace+".svc.cluster.local")}
	switch d.IntN(10) {
	case 0:
		to = object{"host": "ratings." + w.namespace + ".svc.cluster.local"}
	case 1:
		to["subset"] = "v2"
	case 2, 3, 4:
		to["subset"] = "v1"
	}
	if d.one(25) {
		to["subset"] = "none"
	}
	if d.one(4) {
		to["port"] = object{"number": int64(port)}
	}
	return to
}

// route is one HTTP route.
func (d dice) route(w *world, i, index int) object {
	out := object{}
	if d.one(2) {
		out["name"] = fmt.Sprintf("route%d", index)
	}
	kind := d.IntN(10)
	prefixRewrite := kind == 0 && d.one(2)
	if index > 0 && d.one(2) || !d.one(6) {
		var list []any
		for range 1 + d.IntN(3) {
			list = append(list, d.match(w, prefixRewrite))
		}
		out["match"] = list
	}
	switch kind {
	case 0:
		out["redirect"] = d.redirect(prefixRewrite)
	case 1:
		out["directResponse"] = object{"status": pick[int64](d, 200, 403, 503), "body": object{"string": fmt.Sprintf("slot %d route %d", i, index)}}
	default:
		out["route"] = d.destinations(w, i)
		d.garnish(w, out, i)
	}
	return out
}

func (d dice) redirect(prefixRewrite bool) object {
	out := object{}
	switch {
	case prefixRewrite:
		out["prefixRewrite"] = pick(d, "/new", "/new/", "/")
	case d.one(3):
		out["authority"] = pick(d, "example.com", "example.com:81")
	default:
		out["uri"] = pick(d, "/new", "/new?with=query", "/")
	}
	if d.one(3) {
		out["scheme"] = pick(d, "http", "https")
	}
	switch d.IntN(6) {
	case 0:
		out["port"] = pick[int64](d, 80, 443, 8443)
	case 1:
		out["derivePort"] = pick(d, "FROM_REQUEST_PORT", "FROM_PROTOCOL_DEFAULT")
	}
	if d.one(2) {
		out["redirectCode"] = pick[int64](d, 301, 302, 303, 307, 308)
	}
	return out
}

// destinations have weights that need not add up to anything; not all are 0 where
// there are several, which Istio refuses.
func (d dice) destinations(w *world, i int) []any {
	n := pick(d, 1, 1, 2, 2, 3)
	var out []any
	for k := range n {
		entry := object{"destination": d.destination(w, i)}
		weight := pick[int64](d, 0, 1, 10, 50, 99, 1000)
		if k == 0 && n > 1 {
			weight = 1 + d.Int64N(100)
		}
		if weight > 0 || d.one(2) {
			entry["weight"] = weight
		}
		out = append(out, entry)
	}
	return out
}

// garnish adds what does not choose the destination.
func (d dice) garnish(w *world, out object, i int) {
	if d.one(6) {
		out["fault"] = object{"abort": object{"httpStatus": pick[int64](d, 418, 503), "percentage": object{"value": pick(d, 100.0, 50.0, 0.0)}}}
	} else if d.one(30) {
		out["fault"] = object{"delay": object{"fixedDelay": "0.030s", "percentage": object{"value": 100.0}}}
	}
	if d.one(6) {
		out["mirror"] = d.destination(w, i)
		switch d.IntN(3) {
		case 0:
			out["mirrorPercentage"] = object{"value": pick(d, 0.0, 12.5, 50.0, 100.0)}
		case 1:
			out["mirrorPercent"] = pick[int64](d, 0, 30, 100)
		}
	} else if d.one(8) {
		out["mirrors"] = []any{
			object{"destination": d.destination(w, i)},
			object{"destination": d.destination(w, i), "percentage": object{"value": pick(d, 0.0, 33.0)}},
		}
	}
	if d.one(6) {
		out["rewrite"] = object{"uri": "/rewritten"}
	}
	if d.one(6) {
		out["timeout"] = "9s"
	}
	if d.one(6) {
		out["headers"] = object{"request": object{"set": object{"x-flag": "on"}}}
	}
}

func (d dice) routes(w *world, i int) []any {
	var out []any
	for k := range 1 + d.IntN(4) {
		out = append(out, d.route(w, i, k))
	}
	if d.one(2) {
		out = append(out, object{"route": d.destinations(w, i)})
	}
	return out
}

// virtualService makes one; fields are those of the spec beside http.
func (w *world) virtualService(name string, http []any, fields object) *unstructured.Unstructured {
	spec := object{"http": http}
	for key, value := range fields {
		spec[key] = value
	}
	u := &unstructured.Unstructured{Object: object{"spec": spec}}
	u.SetGroupVersionKind(virtualServices)
	u.SetNamespace(w.namespace)
	u.SetName(name)
	return u
}

// forSlot makes what stands for a slot's hosts: one VirtualService for mesh and
// gateway, one for each, two that compete, or a root with delegates.
func (d dice) forSlot(w *world, i int) []*unstructured.Unstructured {
	inner := any(pick(d, slot(i), slot(i)+"."+w.namespace+".svc.cluster.local"))
	outer := any(w.here(outer(i)))
	both := []any{"front", "mesh"}
	a, b, c := fmt.Sprintf("s%d-a", i), fmt.Sprintf("s%d-b", i), fmt.Sprintf("s%d-c", i)
	export := func(fields object) object {
		if d.one(8) {
			fields["exportTo"] = pick(d, []any{"."}, []any{"default"}, []any{"istio-system", "default"}, []any{"*"})
		}
		return fields
	}
	switch d.IntN(6) {
	case 0, 1:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{inner, outer}, "gateways": both})),
		}
	case 2:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{inner}})),
			w.virtualService(b, d.routes(w, i), export(object{"hosts": []any{outer}, "gateways": []any{w.namespace + "/front"}})),
		}
	case 3:
		return []*unstructured.Unstructured{
			w.virtualService(a, d.routes(w, i), export(object{"hosts": []any{outer, inner}, "gateways": both})),
			w.virtualService(b, d.routes(w, i), export(object{"hosts": []any{inner, outer}, "gateways": both})),
		}
	}
	http := []any{d.delegation(w, b), d.delegation(w, c)}
	if d.one(2) {
		http = append(http, d.route(w, i, 2))
	}
	out := []*unstructured.Unstructured{
		w.virtualService(a, http, export(object{"hosts": []any{inner, outer}, "gateways": both})),
		w.virtualService(b, d.routes(w, i), export(object{})),
	}
	if !d.one(5) {
		out = append(out, w.virtualService(c, d.routes(w, i), object{}))
	}
	return out
}

// delegation is a root's route.
func (d dice) delegation(w *world, to string) object {
	out := object{"delegate": object{"name": to}}
	if d.one(2) {
		out["name"] = "root"
	}
	if !d.one(3) {
		out["match"] = []any{d.match(w, true)}
		if d.one(3) {
			out["match"] = append(out["match"].([]any), object{"uri": object{"prefix": "/"}})
		}
	}
	return out
}

// wide are VirtualServices for all slots by wildcards: they stand where no other
// does.
func (d dice) wide(w *world) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	if d.one(3) {
		out = append(out, w.virtualService("wide-outer", d.routes(w, 0), object{"hosts": []any{w.here("*.$NS.test")}, "gateways": []any{"front"}}))
	}
	if d.one(3) {
		out = append(out, w.virtualService("wide-inner", d.routes(w, 1), object{"hosts": []any{w.here("*.$NS.svc.cluster.local")}}))
	}
	return out
}
