package differential

import (
	"fmt"
	"strings"
)

type object = map[string]any

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
		out["fault"] = object{"delay": object{"fixedDelay": "0.050s", "percentage": object{"value": 100.0}}}
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
