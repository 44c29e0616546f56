package selftest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const lines = `
apiVersion: v1
kind: Service
metadata: {name: lines, namespace: shop}
spec: {selector: {app: lines}, ports: [{name: tcp, port: 90}, {name: tls, port: 443}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lines-v1, namespace: shop, labels: {app: lines, version: v1}}
spec: {containers: [{name: app, image: "lines:v1", ports: [{containerPort: 90, name: tcp}, {containerPort: 443, name: tls}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lines-v2, namespace: shop, labels: {app: lines, version: v2}}
spec: {containers: [{name: app, image: "lines:v2", ports: [{containerPort: 90, name: tcp}, {containerPort: 443, name: tls}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: lines, namespace: shop}
spec:
  host: lines.shop.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: lines, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [lines.example]}
---
`

// linesRoutes send TCP to one version and TLS to the other, by sidecar and
// gateway.
const linesRoutes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lines, namespace: shop}
spec:
  hosts: [lines.example, lines.shop.svc.cluster.local]
  gateways: [mesh, lines]
  tcp:
  - match: [{port: 90, gateways: [mesh]}, {port: 9000, gateways: [lines]}]
    route: [{destination: {host: lines.shop.svc.cluster.local, port: {number: 90}, subset: %[1]s}}]
  tls:
  - match: [{port: 443, sniHosts: [lines.shop.svc.cluster.local], gateways: [mesh]}, {port: 9443, sniHosts: [lines.example], gateways: [lines]}]
    route: [{destination: {host: lines.shop.svc.cluster.local, port: {number: 443}, subset: %[2]s}}]
`

// testPassthrough: TCP and TLS reach the version that the routes say, by the
// sidecar and by the gateway, and a TLS client verifies the pod itself.
func testPassthrough(t *testing.T) {
	apply(t, namespace+lines)
	kubectl(t, "", "-n", "shop", "wait", "pod/lines-v1", "pod/lines-v2", "--for=condition=Ready", "--timeout=20s")
	clusterIP := kubectl(t, "", "-n", "shop", "get", "service", "lines", "-o", "jsonpath={.spec.clusterIP}")
	gateway := os.Getenv("GATEWAY_IP")
	for _, c := range [][2]string{{"v1", "v2"}, {"v2", "v1"}} {
		apply(t, fmt.Sprintf(linesRoutes, c[0], c[1]))
		for _, address := range []string{clusterIP + ":90", gateway + ":9000"} {
			eventually(t, 10*time.Second, "TCP to "+c[0]+" by "+address, func(ctx context.Context) bool {
				version, err := askTCP(ctx, address)
				return err == nil && version == c[0]
			})
		}
		for address, name := range map[string]string{clusterIP + ":443": "lines.shop.svc.cluster.local", gateway + ":9443": "lines.example"} {
			eventually(t, 10*time.Second, "TLS to "+c[1]+" by "+address, func(ctx context.Context) bool {
				version, err := askTLS(ctx, address, name)
				return err == nil && version == c[1]
			})
		}
	}
	// From outside of the testbed the mesh proxy leads to the gateway's ports.
	conn := tunnel(t, gateway+":9000")
	defer func() { _ = conn.Close() }()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, `"version":"v2"`) {
		t.Errorf("the greeting by the mesh proxy and the gateway is %q, %v", line, err)
	}
	if version, err := askTLS(t.Context(), gateway+":9443", "other.example"); err == nil {
		t.Errorf("a name without a route reached %s", version)
	}
	kubectl(t, "", "-n", "shop", "delete", "virtualservice/lines", "gateway/lines", "destinationrule/lines")
	kubectl(t, "", "-n", "shop", "delete", "pod", "lines-v1", "lines-v2", "--wait=false")
}

// askTCP connects and returns the version of who greets.
func askTCP(ctx context.Context, address string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return "", err
	}
	var a answer
	err = json.Unmarshal(line, &a)
	return a.Version, err
}

// askTLS asks by HTTPS for a name, and wants the certificate to be the pod's
// that answers.
func askTLS(ctx context.Context, address, name string) (string, error) {
	text, err := os.ReadFile(os.Getenv("SERVERS_CA"))
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: name},
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return "", err
	}
	subject := res.TLS.PeerCertificates[0].Subject
	if subject.CommonName != a.Pod || strings.Join(subject.OrganizationalUnit, "") != a.Version {
		return "", fmt.Errorf("the certificate is %s's, the answer %s's", subject, a.Pod)
	}
	return a.Version, nil
}
