package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// DelayHeader of a request makes a pod take that long (a Go duration) before
// it answers.
const DelayHeader = "X-Testbed-Delay"

// app is the program in a simulated container.
type app struct {
	self     self
	upstream *upstream
	// container decides readiness and failure, and has the log.
	container *simulated
}

// self is what every answer begins with.
type self struct {
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Version   string `json:"version"`
	Image     string `json:"image"`
	// Client is the SPIFFE id of a client that spoke mutual TLS.
	Client string `json:"client,omitempty"`
}

// answer is the body of every HTTP response.
type answer struct {
	self
	Request  request         `json:"request"`
	Upstream *upstreamAnswer `json:"upstream,omitempty"`
}

// request is the request as it arrived. Path has the query; header names are
// in lower case, as in HTTP/2, and several values are joined by ", ".
type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Host    string            `json:"host"`
	Proto   string            `json:"proto"`
	Headers map[string]string `json:"headers"`
}

func (r *runner) newApp(pod *corev1.Pod, spec *corev1.Container, c *simulated) *app {
	version, ok := pod.Labels["version"]
	if !ok {
		version = pod.Labels["app.kubernetes.io/version"]
	}
	a := &app{self: self{Pod: pod.Name, Namespace: pod.Namespace, Version: version, Image: spec.Image}, container: c}
	for _, e := range spec.Env {
		if e.Name == upstreamVariable {
			a.upstream = r.node.newUpstream(e.Value, pod.Namespace)
		}
	}
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if value := r.Header.Get(DelayHeader); value != "" {
		if !wait(w, r, value) {
			return
		}
	}
	status := http.StatusOK
	switch {
	case time.Now().Before(a.container.readyAt):
		status = http.StatusServiceUnavailable
	case a.container.behaviour.fails:
		status = http.StatusInternalServerError
	}
	reply := answer{self: a.seenBy(peerOf(r.Context())), Request: describe(r)}
	if a.upstream != nil {
		reply.Upstream = a.upstream.call(r, body)
		if reply.Upstream.failed() && status == http.StatusOK {
			status = http.StatusBadGateway
		}
	}
	a.container.log.printf("%s %s %d", r.Method, reply.Request.Path, status)
	a.write(w, status, reply)
}

// wait waits as a request asked for; it reports whether to go on.
func wait(w http.ResponseWriter, r *http.Request, value string) bool {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		http.Error(w, fmt.Sprintf("%s: %q: want a duration such as 300ms", DelayHeader, value), http.StatusBadRequest)
		return false
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func describe(r *http.Request) request {
	headers := make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return request{Method: r.Method, Path: r.URL.RequestURI(), Host: r.Host, Proto: r.Proto, Headers: headers}
}

func (a *app) write(w http.ResponseWriter, status int, reply answer) {
	text, err := json.Marshal(reply)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["X-Pod"] = []string{a.self.Pod}
	h["X-Version"] = []string{a.self.Version}
	w.WriteHeader(status)
	// A client that is gone can't be told anything.
	_, _ = w.Write(append(text, '\n'))
}

// seenBy is what the app is, as it answers a client.
func (a *app) seenBy(peer string) self {
	s := a.self
	s.Client = peer
	return s
}

// serveLines greets with a line of JSON and sends back what it gets.
func (a *app) serveLines(c *client) {
	defer func() { _ = c.Close() }()
	var greeting bytes.Buffer
	if err := json.NewEncoder(&greeting).Encode(a.seenBy(c.peer)); err != nil {
		return
	}
	if _, err := c.Write(greeting.Bytes()); err != nil {
		return
	}
	_, _ = io.Copy(c.Conn, c)
}
