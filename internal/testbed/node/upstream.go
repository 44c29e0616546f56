package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/proxy"
)

// upstreamVariable in a container's environment names the Service that it
// calls for each request, as a URL such as http://reviews:9080.
const upstreamVariable = "UPSTREAM"

// upstream calls another Service through the sidecar.
type upstream struct {
	url       *url.URL
	host      string
	transport *http.Transport
	err       error
}

// upstreamAnswer is what came back: the body as JSON where it is JSON, as a
// string otherwise. Error says why there is none.
type upstreamAnswer struct {
	Status int             `json:"status,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func (a *upstreamAnswer) failed() bool {
	return a.Error != "" || a.Status >= http.StatusInternalServerError
}

func (n *Node) newUpstream(value, namespace string) *upstream {
	u := &upstream{transport: n.transport(namespace)}
	if u.url, u.err = url.Parse(value); u.err == nil {
		u.host = hostHeader(u.url.Host, namespace)
	}
	return u
}

// transport shares connections among the pods of a namespace.
func (n *Node) transport(namespace string) *http.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.transports[namespace]
	if t == nil {
		t = proxy.Transport(n.Resolver, namespace)
		n.transports[namespace] = t
	}
	return t
}

// sidecarNamespace is that of the one sidecar: it knows short names of its
// own namespace only.
const sidecarNamespace = "default"

// hostHeader is the Host header for a Service called from namespace: a short
// name is given its namespace where the sidecar would not know it.
func hostHeader(host, namespace string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	if strings.Contains(name, ".") || namespace == sidecarNamespace {
		return host
	}
	if port == "" {
		return name + "." + namespace
	}
	return name + "." + namespace + ":" + port
}

// hopByHop headers are between two neighbours (RFC 9110, 7.6.1).
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// call repeats a request to the upstream: method, path, query, headers, body.
func (u *upstream) call(in *http.Request, body []byte) *upstreamAnswer {
	if u.err != nil {
		return &upstreamAnswer{Error: upstreamVariable + ": " + u.err.Error()}
	}
	target := *u.url
	target.Path, target.RawPath, target.RawQuery = in.URL.Path, in.URL.RawPath, in.URL.RawQuery
	out, err := http.NewRequestWithContext(in.Context(), in.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return &upstreamAnswer{Error: err.Error()}
	}
	out.Host = u.host
	for name, values := range in.Header {
		// Envoy's own headers are about the hop that is over.
		if !hopByHop[name] && !strings.HasPrefix(name, "X-Envoy-") && name != DelayHeader {
			out.Header[name] = values
		}
	}
	res, err := u.transport.RoundTrip(out)
	if err != nil {
		return &upstreamAnswer{Error: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return &upstreamAnswer{Status: res.StatusCode, Error: err.Error()}
	}
	return &upstreamAnswer{Status: res.StatusCode, Body: asJSON(text)}
}

func asJSON(text []byte) json.RawMessage {
	if json.Valid(text) {
		return text
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return nil
	}
	return quoted
}
