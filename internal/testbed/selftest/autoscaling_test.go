package selftest

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const autoscaled = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy, namespace: shop}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy, version: v1}}
    spec: {containers: [{name: app, image: "busy:v1", resources: {requests: {cpu: 100m}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: busy, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: busy}}}
`

// testAutoscaling: what a pod's annotation says of its CPU is what the metrics
// API says and what an autoscaler acts on, up and down; a budget is kept.
func testAutoscaling(t *testing.T) {
	apply(t, namespace+autoscaled)
	field := func(object, path string) string {
		return kubectl(t, "", "-n", "shop", "get", object, "-o", "jsonpath={"+path+"}")
	}
	use := func(cpu string) {
		kubectl(t, "", "-n", "shop", "annotate", "pods", "-l", "app=busy", "--overwrite", "testbed/cpu="+cpu)
	}
	kubectl(t, "", "-n", "shop", "rollout", "status", "deploy/busy", "--timeout=20s")
	use("200m")
	eventually(t, 20*time.Second, "three replicas for a busy pod", func(context.Context) bool {
		return field("deploy/busy", ".status.readyReplicas") == "3"
	})
	if top := kubectl(t, "", "-n", "shop", "top", "pods", "-l", "app=busy", "--no-headers"); strings.Count(top, "\n") != 3 || !strings.Contains(top, " 200m ") {
		t.Errorf("kubectl top pods:\n%s", top)
	}
	if top := kubectl(t, "", "top", "nodes", "--no-headers"); !strings.HasPrefix(top, "testbed ") {
		t.Errorf("kubectl top nodes: %q", top)
	}
	use("10m")
	eventually(t, 20*time.Second, "one replica for idle pods", func(context.Context) bool {
		return field("deploy/busy", ".status.replicas") == "1" && field("pdb/busy", ".status.expectedPods") == "1"
	})
	eventually(t, 10*time.Second, "the budget allows no disruption", func(context.Context) bool {
		return field("pdb/busy", ".status.currentHealthy")+field("pdb/busy", ".status.disruptionsAllowed") == "10"
	})
	// Pods that are on their way out do not count.
	const remaining = `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{end}}{{end}}`
	pod := kubectl(t, "", "-n", "shop", "get", "pods", "-l", "app=busy", "-o", remaining)
	evict := exec.CommandContext(t.Context(), "kubectl", "create", "--raw", "/api/v1/namespaces/shop/pods/"+pod+"/eviction", "-f", "-")
	evict.Stdin = strings.NewReader(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"` + pod + `","namespace":"shop"}}`)
	if out, err := evict.CombinedOutput(); err == nil || !strings.Contains(string(out), "disruption budget") {
		t.Errorf("evicting pod %q, the last: %s, %v, want a refusal for the budget", pod, out, err)
	}
	kubectl(t, "", "-n", "shop", "delete", "hpa,deploy,pdb", "busy", "--wait=false")
}
