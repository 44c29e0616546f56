package proxy

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"time"
)

// clientNamespace is where the client's sidecar lives: short names mean
// Services of it.
const clientNamespace = "default"

// MeshProxy is an HTTP proxy (RFC 9110, 7.6) whose requests go through the
// client's sidecar: it dials Services' cluster IPs, which are redirected to
// Envoy. Requests in absolute form keep their Host header and body as they
// are; CONNECT makes a tunnel, for what is not HTTP. Errors of its own are 502
// with a sentence in the body and the header x-testbed-proxy.
func MeshProxy(resolver *Resolver, logs io.Writer) http.Handler {
	transport := Transport(resolver, clientNamespace)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			// A proxy adds nothing: the request should arrive as it was sent.
			r.Out.Host = r.In.Host
			if r.In.Header.Get("User-Agent") == "" {
				r.Out.Header.Set("User-Agent", "")
			}
		},
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(logs, "", log.LstdFlags|log.Lmicroseconds),
		ErrorHandler:  badGateway,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			tunnel(w, r, resolver)
		case r.URL.Scheme != "http" || r.URL.Host == "":
			badGateway(w, r, fmt.Errorf("%s %s: this is a proxy for http, use it as curl -x", r.Method, r.URL))
		default:
			forward.ServeHTTP(w, r)
		}
	})
}

// Transport sends requests into the mesh as a client in namespace does. Idle
// connections are kept: at the other end is Envoy, which closes them after an
// hour and says so beforehand otherwise.
func Transport(resolver *Resolver, namespace string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return resolver.Dial(ctx, namespace, address)
		},
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     5 * time.Minute,
		DisableCompression:  true,
	}
}

func badGateway(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("x-testbed-proxy", "error")
	http.Error(w, "testbed proxy: "+err.Error(), http.StatusBadGateway)
}

func tunnel(w http.ResponseWriter, r *http.Request, resolver *Resolver) {
	upstream, err := resolver.Dial(r.Context(), clientNamespace, r.Host)
	if err != nil {
		badGateway(w, r, err)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = upstream.Close()
		badGateway(w, r, err)
		return
	}
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = upstream.Close()
		_ = client.Close()
		return
	}
	join(client, upstream, buffered)
}
