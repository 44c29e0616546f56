package selftest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// answer is what pods say; upstream bodies are answers again.
type answer struct {
	Pod, Version, Image, Client string
	Request                     struct {
		Method, Path, Host, Proto string
		Headers                   map[string]string
	}
	Upstream *struct {
		Status int
		Body   *answer
	}
}

const protocols = `
apiVersion: v1
kind: Service
metadata: {name: protocols, namespace: shop}
spec:
  selector: {app: protocols}
  ports:
  - {name: http2, port: 80, targetPort: 9080}
  - {name: tcp, port: 90, targetPort: 9080}
`

// testProtocols speaks HTTP/2 and plain TCP to one and the same port.
func testProtocols(t *testing.T) {
	apply(t, deployment("protocols", "v1", "app:v1", 1)+protocols)
	kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/protocols-v1", "--timeout=20s")
	mesh := meshClient(t)
	eventually(t, 10*time.Second, "HTTP/2 between Envoy and the pod", func(ctx context.Context) bool {
		a, err := ask(ctx, mesh, "http://protocols.shop/a?b=c")
		return err == nil && a.Request.Proto == "HTTP/2.0" && a.Request.Path == "/a?b=c"
	})
	conn := tunnel(t, "protocols.shop:90")
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	var greeting answer
	if line, err := lines.ReadBytes('\n'); err != nil || json.Unmarshal(line, &greeting) != nil || greeting.Version != "v1" {
		t.Errorf("the greeting is %q, %v", line, err)
	}
	if line, err := lines.ReadString('\n'); err != nil || line != "hello\n" {
		t.Errorf("the echo is %q, %v", line, err)
	}
}

// tunnel connects through the mesh proxy.
func tunnel(t *testing.T, address string) net.Conn {
	t.Helper()
	proxy, err := url.Parse(os.Getenv("MESH_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", address); err != nil {
		t.Fatal(err)
	}
	// The server says nothing before the client, so nothing is read too much.
	head := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
	if _, err := io.ReadFull(conn, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200") {
		t.Fatalf("CONNECT: %q, %v", head, err)
	}
	return conn
}

func ask(ctx context.Context, client *http.Client, target string) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-User", "jason")
	return do(client, r)
}

func do(client *http.Client, r *http.Request) (*answer, error) {
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", r.Method, r.URL, res.Status)
	}
	a := new(answer)
	return a, json.NewDecoder(res.Body).Decode(a)
}

const productpage = `
apiVersion: v1
kind: Service
metadata: {name: productpage, namespace: shop}
spec: {selector: {app: productpage}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: productpage, namespace: shop, labels: {app: productpage, app.kubernetes.io/version: v7}}
spec:
  containers:
  - {name: app, image: "productpage:1", ports: [{containerPort: 9080}], env: [{name: UPSTREAM, value: "http://reviews:9080"}]}
`

// testUpstream: a pod calls another Service through its sidecar and hands
// headers, path and query on.
func testUpstream(t *testing.T) {
	apply(t, productpage)
	mesh := meshClient(t)
	eventually(t, 10*time.Second, "productpage shows what reviews said", func(ctx context.Context) bool {
		a, err := ask(ctx, mesh, "http://productpage.shop:9080/x?y=z")
		if err != nil || a.Version != "v7" || a.Upstream == nil || a.Upstream.Body == nil {
			return false
		}
		got := a.Upstream.Body.Request
		return a.Upstream.Status == http.StatusOK && a.Upstream.Body.Version == "v1" && got.Path == "/x?y=z" && got.Headers["x-user"] == "jason"
	})
}
