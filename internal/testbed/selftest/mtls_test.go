package selftest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who the two Envoys are.
const (
	sidecarID = "spiffe://cluster.local/ns/default/sa/default"
	gatewayID = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
)

// vault are two versions of a workload whose pods are in the mesh.
const vault = `
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: shop}
spec: {selector: {app: vault}, ports: [{name: http, port: 9080}, {name: tcp, port: 9090}]}
---
apiVersion: v1
kind: Pod
metadata: {name: vault-v1, namespace: shop, labels: {app: vault, version: v1, security.istio.io/tlsMode: istio}, annotations: {testbed/mtls: strict}}
spec: {containers: [{name: app, image: "vault:v1", ports: [{containerPort: 9080}, {containerPort: 9090, name: tcp}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: vault-v2, namespace: shop, labels: {app: vault, version: v2, security.istio.io/tlsMode: istio}, annotations: {testbed/mtls: permissive}}
spec: {containers: [{name: app, image: "vault:v2", ports: [{containerPort: 9080}, {containerPort: 9090, name: tcp}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: vault-v3, namespace: shop, labels: {app: unsealed}, annotations: {testbed/mtls: sometimes}}
spec: {containers: [{name: app, image: "vault:v3"}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: vault, namespace: shop}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [vault.example]}]}
---
`

// vaultRule is the user's rule, vaultRelease what a release puts beside it: a
// rule without TLS settings of its own, and a route to its subsets.
const (
	vaultRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: vault, namespace: shop}
spec: {host: vault.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`
	vaultRelease = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: vault-grayscale, namespace: shop}
spec:
  host: vault.shop.svc.cluster.local
  subsets:
  - {name: grayscale-original, labels: {version: v1}}
  - name: grayscale-version
    trafficPolicy:
      loadBalancer: {localityLbSetting: {failoverPriority: [version=v2]}}
      outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 0}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: vault, namespace: shop}
spec:
  hosts: [vault.example, vault.shop.svc.cluster.local]
  gateways: [mesh, vault]
  http:
  - route:
    - {destination: {host: vault.shop.svc.cluster.local, port: {number: 9080}, subset: grayscale-original}, weight: 50}
    - {destination: {host: vault.shop.svc.cluster.local, port: {number: 9080}, subset: grayscale-version}, weight: 50}
`
)

// testMutualTLS: both Envoys have certificates, and strict pods want them.
func testMutualTLS(t *testing.T) {
	apply(t, namespace+vault+vaultRule+"---"+vaultRelease)
	kubectl(t, "", "-n", "shop", "wait", "pod/vault-v1", "pod/vault-v2", "--for=condition=Ready", "--timeout=20s")
	mesh := meshClient(t)
	inBothEnvoys(t, clusters, "grayscale-version|vault", true)
	t.Run("a user's mutual TLS is inherited by subsets beside it", func(t *testing.T) { testInheritedTLS(t, mesh) })
	t.Run("lines, too", testMutualLines)
	t.Run("without a certificate", testWithoutCertificate)
	t.Run("by itself, without a rule", func(t *testing.T) {
		kubectl(t, "", "-n", "shop", "delete", "destinationrule", "vault")
		mutual := "&name_regex=.*grayscale-version.vault.*"
		inBothEnvoys(t, clusterConfigs+mutual, "tlsMode-istio", true)
		testInheritedTLS(t, mesh)
	})
	t.Run("plain text to a strict pod fails", func(t *testing.T) {
		apply(t, strings.Replace(vaultRule, "ISTIO_MUTUAL", "DISABLE", 1))
		eventually(t, 10*time.Second, "the strict version fails, the permissive one does not", func(context.Context) bool {
			failed, plain := 0, 0
			for range 20 {
				a, err := ask(t.Context(), mesh, "http://vault.shop:9080/")
				switch {
				case err != nil:
					failed++
				case a.Version == "v2" && a.Client == "":
					plain++
				default:
					return false
				}
			}
			return failed > 0 && plain > 0
		})
	})
	kubectl(t, "", "-n", "shop", "delete", "virtualservice/vault", "destinationrule/vault", "destinationrule/vault-grayscale", "gateway/vault")
	kubectl(t, "", "-n", "shop", "delete", "pod", "vault-v1", "vault-v2", "vault-v3", "--wait=false")
}

// testInheritedTLS sends by both ways: both versions answer, each knows who
// asked, and nothing fails.
func testInheritedTLS(t *testing.T, mesh *http.Client) {
	host := gatewayRequest(t, "vault.example")
	eventually(t, 10*time.Second, "both ways answer", func(context.Context) bool {
		_, one := send(plainClient(), host)
		_, two := send(mesh, sidecarRequest("vault.shop:9080"))
		return one == nil && two == nil
	})
	l := startLoad()
	l.add(t, 2, plainClient(), host)
	l.add(t, 2, mesh, sidecarRequest("vault.shop:9080"))
	eventually(t, 20*time.Second, "500 requests to each version", func(context.Context) bool {
		_, versions := l.count()
		return versions["v1"] > 500 && versions["v2"] > 500
	})
	l.stop(t)
	for range 10 {
		if a, err := ask(t.Context(), mesh, "http://vault.shop:9080/"); err != nil || a.Client != sidecarID {
			t.Errorf("through the sidecar: %+v, %v, want client %s", a, err, sidecarID)
		}
		r, err := host()
		if err != nil {
			t.Fatal(err)
		}
		if a, err := do(plainClient(), r); err != nil || a.Client != gatewayID {
			t.Errorf("through the gateway: %+v, %v, want client %s", a, err, gatewayID)
		}
	}
}

func testMutualLines(t *testing.T) {
	conn := tunnel(t, "vault.shop:9090")
	defer func() { _ = conn.Close() }()
	// The permissive pod has to hear something first.
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	var greeting answer
	if line, err := bufio.NewReader(conn).ReadBytes('\n'); err != nil || json.Unmarshal(line, &greeting) != nil || greeting.Client != sidecarID {
		t.Errorf("the greeting is %q, %v, want client %s", line, err, sidecarID)
	}
}

// testWithoutCertificate asks the pods past the mesh.
func testWithoutCertificate(t *testing.T) {
	ip := func(pod string) string {
		return kubectl(t, "", "-n", "shop", "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
	}
	if a, err := ask(t.Context(), plainClient(), "http://"+ip("vault-v1")+":9080/"); err == nil {
		t.Errorf("a strict pod answered plain text: %+v", a)
	}
	if a, err := ask(t.Context(), plainClient(), "http://"+ip("vault-v2")+":9080/"); err != nil || a.Client != "" {
		t.Errorf("a permissive pod, in plain text: %+v, %v", a, err)
	}
	reason := kubectl(t, "", "-n", "shop", "get", "pod", "vault-v3", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.message}")
	if !strings.Contains(reason, `"sometimes": want strict or permissive`) {
		t.Errorf("a pod with a wrong annotation: %q", reason)
	}
}
