package differential

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// question is one request and how it is sent.
type question struct {
	evaluate.Request
	slot  int // whose host is asked for
	http2 bool
}

// answer is what came back.
type answer struct {
	status   int
	location string
	body     string
	// app and version are the pod's that answered, empty when a proxy did.
	app, version string
	took         time.Duration
}

func (a answer) String() string {
	switch {
	case a.version != "":
		return fmt.Sprintf("status %d of %s %s", a.status, a.app, a.version)
	case a.location != "":
		return fmt.Sprintf("status %d to %s", a.status, a.location)
	}
	return fmt.Sprintf("status %d %q", a.status, a.body)
}

// way is a connection through a proxy, for one request at a time. Requests of
// HTTP/1 are written by hand: no library changes what is asked.
type way struct {
	dial   func(context.Context) (net.Conn, error)
	conn   net.Conn
	reader *bufio.Reader
	http2  *http.Transport
}

func newWay(dial func(context.Context) (net.Conn, error)) *way {
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableCompression: true, Protocols: new(http.Protocols),
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &way{dial: dial, http2: transport}
}

// toGateway connects to the ingress gateway.
func toGateway(ctx context.Context) (net.Conn, error) {
	at, err := url.Parse(os.Getenv("GATEWAY_URL"))
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", at.Host)
}

// toSidecar connects to a Service's address through the client's sidecar. All
// Services of one port share a listener there, so that any will do.
func toSidecar(service string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		at, err := url.Parse(os.Getenv("MESH_PROXY"))
		if err != nil {
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", at.Host)
		if err != nil {
			return nil, err
		}
		to := fmt.Sprintf("%s:%d", service, port)
		// Nothing comes before the client has said something, so that no byte of
		// the tunnel is read too much.
		if _, err = fmt.Fprintf(conn, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", to); err == nil {
			head := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
			if _, err = io.ReadFull(conn, head); err == nil && !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
				err = fmt.Errorf("CONNECT %s: %q", to, head)
			}
		}
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
}

func (w *way) close() {
	w.http2.CloseIdleConnections()
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.conn = nil
}

// ask sends a request and reads the answer.
func (w *way) ask(ctx context.Context, q question) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	var res *http.Response
	if q.http2 {
		res, err = w.ask2(ctx, q)
	} else {
		res, err = w.ask1(ctx, q)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", shown(q), err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.Close {
		w.close()
	}
	a = answer{
		status: res.StatusCode, location: res.Header.Get("Location"), body: string(body),
		version: res.Header.Get("x-version"), took: time.Since(began),
	}
	a.app, _, _ = strings.Cut(res.Header.Get("x-pod"), "-")
	return a, err
}

func (w *way) ask1(ctx context.Context, q question) (*http.Response, error) {
	if w.conn == nil {
		conn, err := w.dial(ctx)
		if err != nil {
			return nil, err
		}
		w.conn, w.reader = conn, bufio.NewReader(conn)
	}
	deadline, _ := ctx.Deadline()
	err := w.conn.SetDeadline(deadline)
	if err == nil {
		_, err = w.conn.Write(text(q))
	}
	if err == nil {
		var res *http.Response
		if res, err = http.ReadResponse(w.reader, &http.Request{Method: q.Method}); err == nil {
			return res, nil
		}
	}
	w.close()
	return nil, err
}

// text is a request as HTTP/1.1 has it on the wire.
func text(q question) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.Method, q.Path, q.Host)
	for _, h := range q.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if q.Method == http.MethodPost || q.Method == http.MethodPut {
		b.WriteString("Content-Length: 0\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (w *way) ask2(ctx context.Context, q question) (*http.Response, error) {
	r := (&http.Request{
		Method: q.Method, URL: &url.URL{Scheme: "http", Host: "mesh", Opaque: q.Path}, Host: q.Host,
		Header: http.Header{},
	}).WithContext(ctx)
	for _, h := range q.Headers {
		r.Header.Add(h.Name, h.Value)
	}
	if len(r.Header["User-Agent"]) == 0 {
		r.Header.Set("User-Agent", "") // else it sends its own
	}
	return w.http2.RoundTrip(r)
}

// shown is a request for messages.
func shown(q question) string {
	protocol := "HTTP/1.1"
	if q.http2 {
		protocol = "HTTP/2"
	}
	entry := "mesh"
	if q.Gateway != "" {
		entry = q.Gateway
	}
	return fmt.Sprintf("%s by %s: %s %s Host %s %q", protocol, entry, q.Method, q.Path, q.Host, q.Headers)
}
