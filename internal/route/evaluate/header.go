package evaluate

import (
	"slices"
	"strings"
)

// headers gives the values of a header as Envoy's conditions see them; the parts
// of the request line are headers, too. None: it is absent.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-headermatcher
func (r Request) headers(name string) []string {
	switch name = strings.ToLower(name); name {
	case ":path":
		return []string{r.Path}
	case ":method":
		return []string{r.Method}
	case ":scheme":
		return []string{r.Scheme}
	case ":authority", "host":
		return []string{r.Host}
	}
	var values []string
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			values = append(values, strings.Trim(h.Value, " \t"))
		}
	}
	if inOnePiece[name] && len(values) > 1 {
		// Empty ones leave no trace.
		values = slices.DeleteFunc(values, func(value string) bool { return value == "" })
		return []string{strings.Join(values, ",")}
	}
	if r.Proxy.JoinsHeaders && len(values) > 1 {
		return []string{strings.Join(values, ",")}
	}
	return values
}

// inOnePiece are the headers of which Envoy itself makes one, as it reads a
// request: those that it has a field for.
var inOnePiece = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range []string{
		"accept", "accept-encoding", "access-control-request-headers", "access-control-request-method", "authorization", "cache-control",
		"content-type", "expect", "grpc-timeout", "if-match", "if-modified-since", "if-none-match", "origin", "pragma", "referer", "te",
		"user-agent", "via", "x-client-trace-id", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-request-id",
	} {
		out[name] = true
	}
	return out
}()
