package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// linePorts are a Service's ports that speak no HTTP; nobody routes the last.
const linePorts = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: tcp, port: 90}, {name: tls, port: 443}, {name: tcp-bare, port: 91}]
`

const lineRoutes = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: lines}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [$NS.example]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lines}
spec:
  hosts: [$NS.example, reviews.$NS.svc.cluster.local]
  gateways: [mesh, lines]
  tcp:
  - match: [{port: 90, gateways: [mesh]}, {port: 9000, gateways: [lines]}]
    route: [{destination: {host: reviews, port: {number: 90}}}]
  tls:
  - match: [{port: 443, sniHosts: [reviews.$NS.svc.cluster.local], gateways: [mesh]}, {port: 9443, sniHosts: [$NS.example], gateways: [lines]}]
    route: [{destination: {host: reviews, port: {number: 443}}}]
`

// connected: TCP and TLS connections, by the sidecar and by the gateway, go by
// weight, and so do those to a port that the user's routes leave out. None fails
// in a whole release.
func connected(t *testing.T) {
	w := newWorld(t)
	original := strings.Replace(makeDeployment("reviews-v1").YAML(), "{containerPort: 9080}", "{containerPort: 90, name: tcp}, {containerPort: 443, name: tls}, {containerPort: 91, name: tcp-bare}", 1)
	w.apply(linePorts, original, lineRoutes)
	w.rolledOut("reviews-v1")
	before := w.routeSpecs()
	tr := w.trafficTo("v1", w.lineTargets()...)
	tr.wholeRelease(halfway{arrived: func() { tr.everywhere("v2") }, seen: 80})
	if after := w.routeSpecs(); after != before {
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	}
	w.clean()
}

// lineTargets are all ways to connect, each with what says which version has
// answered.
func (w *world) lineTargets() []load.Target {
	w.t.Helper()
	ip, _, err := unstructured.NestedString(w.get(services, "reviews").Object, "spec", "clusterIP")
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := os.ReadFile(os.Getenv("SERVERS_CA"))
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	gatewayIP := os.Getenv("GATEWAY_IP")
	tlsTo := func(address, name string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			return greetedByTLS(ctx, address, &tls.Config{RootCAs: roots, ServerName: w.here(name)})
		}
	}
	tcpTo := func(address string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return greeted(ctx, address) }
	}
	return []load.Target{
		{Name: "sidecar tcp", Rate: 20, Do: tcpTo(ip + ":90")},
		{Name: "sidecar tcp without a route", Rate: 20, Do: tcpTo(ip + ":91")},
		{Name: "gateway tcp", Rate: 20, Do: tcpTo(gatewayIP + ":9000")},
		{Name: "sidecar tls", Rate: 20, Do: tlsTo(ip+":443", "reviews.$NS.svc.cluster.local")},
		{Name: "gateway tls", Rate: 20, Do: tlsTo(gatewayIP+":9443", "$NS.example")},
	}
}

// greeted connects, and gives the version of the pod that greets.
func greeted(ctx context.Context, address string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(load.Deadline)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return "", fmt.Errorf("reading the greeting: %w", err)
	}
	var pod struct{ Version string }
	if err := json.Unmarshal(line, &pod); err != nil {
		return "", fmt.Errorf("the greeting is %.100q: %w", line, err)
	}
	return pod.Version, nil
}

// greetedByTLS does so by TLS, and takes the version from the certificate.
func greetedByTLS(ctx context.Context, address string, config *tls.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, load.Deadline)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return "", errors.New("not a TLS connection")
	}
	return strings.Join(secure.ConnectionState().PeerCertificates[0].Subject.OrganizationalUnit, ""), nil
}
