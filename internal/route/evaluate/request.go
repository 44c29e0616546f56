package evaluate

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Input is the configuration that a request meets. Objects may be in any order.
// One that is nil, or no object of its kind, counts as absent; nothing in them is
// changed.
type Input struct {
	// VirtualServices are all of the mesh: one that is left out is one that
	// does not exist, and delegates are found by name.
	VirtualServices []*unstructured.Unstructured
	// Gateways say for which hosts a gateway serves. One that a [Request] names
	// and that is not here serves every host on every port.
	Gateways []*unstructured.Unstructured
}

// Proxy is the one that routes the request: the caller's sidecar, or the gateway.
type Proxy struct {
	// Namespace is where its pod runs. VirtualServices must be exported there,
	// and the conditions on sourceNamespace are about it.
	Namespace string
	// Labels are those of its pod, for sourceLabels.
	Labels map[string]string
	// JoinsHeaders says that its Envoy is older than 1.39, and compares several
	// lines of one header as one value, with commas between. A newer one compares
	// each by itself.
	JoinsHeaders bool
}

// Request is a request as it reaches the proxy.
type Request struct {
	// Gateway is the Gateway by which it enters, as namespace/name. Empty: it
	// comes from a caller in the mesh, through its sidecar.
	Gateway string
	// Proxy is the proxy that routes it.
	Proxy Proxy
	// Host is the Host header (HTTP/2: :authority), with or without a port; in
	// the mesh the short forms of a Service's name are understood, as the
	// caller's namespace resolves them.
	Host string
	// Port is the port that was called: in the mesh the Service's, at a gateway
	// that of the Gateway's server (80, whatever the pod's own).
	Port uint32
	// Scheme is http or https; empty means http. It is what Envoy puts in
	// :scheme, which in the mesh is http for TLS that the sidecar itself adds.
	Scheme string
	// Method is upper case; empty means GET.
	Method string
	// Path is the request's target as sent, with the query; empty means /.
	Path string
	// Headers are all others, as sent, a name as often as it was sent. Names
	// are not case-sensitive. The cookies that HTTP/2 may split are one header.
	Headers []Header
}

// Header is one header line of a request.
type Header struct{ Name, Value string }

// normal fills in the defaults and does what Envoy does before it routes. ok is
// false for a path that Envoy refuses.
func (r Request) normal() (out Request, ok bool) {
	if r.Scheme == "" {
		r.Scheme = "http"
	}
	if r.Method == "" {
		r.Method = "GET"
	}
	if r.Path == "" {
		r.Path = "/"
	}
	r.Path, _, _ = strings.Cut(r.Path, "#")
	r.Path, ok = normalPath(r.Path)
	return r, ok
}

// domain is the host as Envoy looks for it among virtual hosts.
func (r Request) domain() string {
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.LastIndexByte(host, ']') < i {
		host = host[:i]
	}
	return strings.ToLower(host)
}

// bare is the path without query.
func (r Request) bare() string {
	path, _, _ := strings.Cut(r.Path, "?")
	return path
}

// query gives the first value of a query parameter, as it stands in the path:
// Envoy decodes neither names nor values.
func (r Request) query(name string) (value string, ok bool) {
	_, query, has := strings.Cut(r.Path, "?")
	for has {
		var parameter string
		parameter, query, has = strings.Cut(query, "&")
		if !has && parameter == "" {
			break
		}
		if key, value, _ := strings.Cut(parameter, "="); key == name {
			return value, true
		}
	}
	return "", false
}
