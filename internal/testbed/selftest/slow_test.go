package selftest

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// slowBy is how much later the slow istiod pushes.
const slowBy = 3 * time.Second

// testSlow runs TestSlowIstiod in a testbed with a slow istiod.
func testSlow(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "run", "--bare", "--slow-istiod="+slowBy.String(), "--",
		self, "-test.run=TestSlowIstiod", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Errorf("testbed run --slow-istiod: %v", err)
	}
}

const twoVersions = `
apiVersion: v1
kind: Pod
metadata: {name: reviews-v1, namespace: shop, labels: {app: reviews, version: v1}}
spec: {containers: [{name: app, image: "reviews:v1", ports: [{containerPort: 9080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-v2, namespace: shop, labels: {app: reviews, version: v2}}
spec: {containers: [{name: app, image: "reviews:v2", ports: [{containerPort: 9080}]}]}
---
`

// TestSlowIstiod: the gateway hears of a change at once, the sidecar later.
func TestSlowIstiod(t *testing.T) {
	if !inside() || os.Getenv("ISTIOD_SLOW") == "" {
		return
	}
	apply(t, namespace+twoVersions+shop+ownRule+"---"+virtualService(map[string]int{"grayscale-original": 100}))
	gateway, sidecar := gatewayRequest(t, "shop.example"), sidecarRequest("reviews.shop:9080")
	plain, mesh := plainClient(), meshClient(t)
	reached := func(client *http.Client, request func() (*http.Request, error), version string) func(context.Context) bool {
		return func(context.Context) bool {
			got, err := send(client, request)
			return err == nil && got == version
		}
	}
	eventually(t, 10*time.Second, "v1 by the gateway", reached(plain, gateway, "v1"))
	eventually(t, slowBy+10*time.Second, "v1 by the sidecar", reached(mesh, sidecar, "v1"))
	// The sidecar has just had all that there was: its istiod begins to wait
	// with the next change.
	apply(t, virtualService(map[string]int{"grayscale-version": 100}))
	begun := time.Now()
	eventually(t, slowBy, "v2 by the gateway", reached(plain, gateway, "v2"))
	byGateway := time.Since(begun)
	if !reached(mesh, sidecar, "v1")(t.Context()) {
		t.Errorf("after %s the sidecar knew of the change as soon as the gateway did", byGateway)
	}
	eventually(t, slowBy+10*time.Second, "v2 by the sidecar", reached(mesh, sidecar, "v2"))
	bySidecar := time.Since(begun)
	t.Logf("the gateway knew after %s, the sidecar after %s", byGateway.Round(time.Millisecond), bySidecar.Round(time.Millisecond))
	if bySidecar < slowBy/2 {
		t.Errorf("the sidecar knew after %s, want about %s", bySidecar, slowBy)
	}
}
