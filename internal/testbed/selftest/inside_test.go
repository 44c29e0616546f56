package selftest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestInside is what a user does in a testbed.
func TestInside(t *testing.T) {
	if !inside() {
		return
	}
	t.Run("images", testImages)
	t.Run("canary", testCanary)
	t.Run("drain", testDrain)
	t.Run("protocols", testProtocols)
	t.Run("upstream", testUpstream)
	t.Run("mutual TLS", testMutualTLS)
	t.Run("passthrough", testPassthrough)
	t.Run("autoscaling", testAutoscaling)
}

func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func apply(t *testing.T, yaml string) {
	t.Helper()
	kubectl(t, yaml, "apply", "-f", "-")
}

// deployment is a Deployment of app in namespace shop.
func deployment(app, version, image string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s-%[2]s, namespace: shop}
spec:
  replicas: %[4]d
  selector: {matchLabels: {app: %[1]s, version: %[2]s}}
  template:
    metadata: {labels: {app: %[1]s, version: %[2]s}}
    spec: {containers: [{name: app, image: "%[3]s", ports: [{containerPort: 9080}]}]}
---
`, app, version, image, replicas)
}

const namespace = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
`

const shop = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example]}]}
---
`

// virtualService sends host's traffic by weights, subset to weight; an empty
// subset is the user's route as it was.
func virtualService(weights map[string]int) string {
	var routes strings.Builder
	for _, subset := range []string{"", "grayscale-original", "grayscale-version"} {
		if weight, ok := weights[subset]; ok {
			fmt.Fprintf(&routes, "    - destination: {host: reviews.shop.svc.cluster.local, port: {number: 9080}, subset: %q}\n      weight: %d\n", subset, weight)
		}
	}
	return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [shop.example, reviews.shop.svc.cluster.local]
  gateways: [mesh, shop]
  http:
  - route:
` + strings.ReplaceAll(routes.String(), `, subset: ""`, "")
}

const ownRule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews-grayscale, namespace: shop}
spec:
  host: reviews.shop.svc.cluster.local
  subsets:
  - {name: grayscale-original, labels: {version: v1}}
  - name: grayscale-version
    trafficPolicy:
      loadBalancer: {localityLbSetting: {failoverPriority: [version=v2]}}
      outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 0}
`

// inBothEnvoys waits until a part of both Envoys' configuration does or does
// not hold a text.
func inBothEnvoys(t *testing.T, part, text string, want bool) {
	t.Helper()
	for _, variable := range []string{"ENVOY_GATEWAY_ADMIN", "ENVOY_SIDECAR_ADMIN"} {
		address := os.Getenv(variable) + part
		eventually(t, 10*time.Second, fmt.Sprintf("%s holds %q: %v", address, text, want), func(ctx context.Context) bool {
			body, err := get(ctx, address)
			return err == nil && strings.Contains(body, text) == want
		})
	}
}

func get(ctx context.Context, address string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

const (
	clusters       = "/clusters"
	clusterConfigs = "/config_dump?resource=dynamic_active_clusters"
	routes         = "/config_dump?resource=dynamic_route_configs"
)

// testCanary does by hand what a release does, with clients that send all the
// while: rule before route, and route before rule at the end.
func testCanary(t *testing.T) {
	apply(t, namespace+deployment("reviews", "v1", "reviews:v1", 2)+shop+virtualService(map[string]int{"": 100}))
	kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/reviews-v1", "--timeout=20s")
	gateway, sidecar := gatewayRequest(t, "shop.example"), sidecarRequest("reviews.shop:9080")
	plain, mesh := plainClient(), meshClient(t)
	eventually(t, 10*time.Second, "both ways answer", func(context.Context) bool {
		_, one := send(plain, gateway)
		_, two := send(mesh, sidecar)
		return one == nil && two == nil
	})

	l := startLoad()
	l.add(t, 4, plain, gateway)
	l.add(t, 4, mesh, sidecar)
	apply(t, ownRule)
	inBothEnvoys(t, clusters, "grayscale-version", true)
	apply(t, virtualService(map[string]int{"grayscale-original": 100}))
	inBothEnvoys(t, routes, "grayscale-original", true)
	apply(t, deployment("reviews", "v2", "reviews:v2", 2))
	kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/reviews-v2", "--timeout=20s")
	if _, versions := l.count(); versions["v2"] > 0 {
		t.Errorf("%d requests reached v2 before the route said so", versions["v2"])
	}
	for _, weight := range []int{10, 50} {
		apply(t, virtualService(map[string]int{"grayscale-original": 100 - weight, "grayscale-version": weight}))
		inBothEnvoys(t, routes, fmt.Sprintf(`"weight": %d`, weight), true)
		checkShare(t, l, float64(weight)/100)
	}
	apply(t, virtualService(map[string]int{"": 100}))
	inBothEnvoys(t, routes, "grayscale-", false)
	kubectl(t, "", "-n", "shop", "delete", "destinationrule", "reviews-grayscale")
	inBothEnvoys(t, clusters, "grayscale-", false)
	kubectl(t, "", "-n", "shop", "delete", "deployment", "reviews-v2", "--wait=false")
	eventually(t, 15*time.Second, "v2 is gone", func(context.Context) bool {
		return kubectl(t, "", "-n", "shop", "get", "pods", "-l", "version=v2", "-o", "name") == ""
	})
	l.stop(t)
	t.Logf("the whole took %s", time.Since(l.begun).Round(time.Millisecond))
}

// checkShare counts 4000 requests: v2's share is within 5 standard deviations.
func checkShare(t *testing.T, l *load, share float64) {
	t.Helper()
	l.reset()
	begun := time.Now()
	eventually(t, 30*time.Second, "4000 requests", func(context.Context) bool { n, _ := l.count(); return n >= 4000 })
	n, versions := l.count()
	seen, deviation := float64(versions["v2"])/float64(n), math.Sqrt(share*(1-share)/float64(n))
	t.Logf("%d requests, %.0f a second: %.2f %% to v2, want %.0f %%", n, float64(n)/time.Since(begun).Seconds(), 100*seen, 100*share)
	if math.Abs(seen-share) > 5*deviation {
		t.Errorf("%.2f %% of %d requests went to v2, want %.0f %%", 100*seen, n, 100*share)
	}
}

// testDrain deletes a pod under load and while it serves a slow request.
func testDrain(t *testing.T) {
	sidecar, mesh := sidecarRequest("reviews.shop:9080"), meshClient(t)
	l := startLoad()
	l.add(t, 4, mesh, sidecar)
	l.add(t, 2, plainClient(), gatewayRequest(t, "shop.example"))
	// These are under way when the pods are deleted, and end after the drain.
	l.add(t, 8, mesh, func() (*http.Request, error) {
		r, err := sidecar()
		if err == nil {
			r.Header.Set("x-testbed-delay", "3s")
		}
		return r, err
	})
	for _, pod := range strings.Fields(kubectl(t, "", "-n", "shop", "get", "pods", "-l", "version=v1", "-o", "name")) {
		kubectl(t, "", "-n", "shop", "delete", pod, "--wait=true", "--timeout=30s")
		kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/reviews-v1", "--timeout=20s")
	}
	l.stop(t)
	n, _ := l.count()
	t.Logf("%d requests", n)
}

// testImages: what a tag says is what the pod's status says.
func testImages(t *testing.T) {
	apply(t, namespace+deployment("slow", "v1", "app:v1-slow2", 1)+deployment("crash", "v1", "app:v1-crash", 1)+deployment("nopull", "v1", "app:v1-nopull", 1))
	pod := func(app, path string) string {
		return kubectl(t, "", "-n", "shop", "get", "pods", "-l", "app="+app, "-o", "jsonpath={.items[*]."+path+"}")
	}
	for app, want := range map[string][2]string{
		"crash":  {"status.containerStatuses[0].state.waiting.reason", "CrashLoopBackOff"},
		"nopull": {"status.containerStatuses[0].state.waiting.reason", "ImagePullBackOff"},
	} {
		eventually(t, 15*time.Second, app+" is "+want[1], func(context.Context) bool { return pod(app, want[0]) == want[1] })
	}
	eventually(t, 15*time.Second, "crash was restarted", func(context.Context) bool { return pod("crash", "status.containerStatuses[0].restartCount") > "0" })
	eventually(t, 15*time.Second, "events say so", func(context.Context) bool {
		return strings.Contains(kubectl(t, "", "-n", "shop", "get", "events"), "Back-off restarting failed container")
	})
	kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/slow-v1", "--timeout=20s")
	name := pod("slow", "metadata.name")
	kubectl(t, "", "-n", "shop", "annotate", "pod", name, "testbed/ready=false")
	kubectl(t, "", "-n", "shop", "wait", "pod", name, "--for=condition=Ready=false", "--timeout=10s")
	kubectl(t, "", "-n", "shop", "annotate", "pod", name, "testbed/ready-")
	kubectl(t, "", "-n", "shop", "wait", "pod", name, "--for=condition=Ready", "--timeout=10s")
	if logs := kubectl(t, "", "-n", "shop", "logs", name); !strings.Contains(logs, "started app:v1-slow2") {
		t.Errorf("kubectl logs: %q", logs)
	}
}
