package e2e

import (
	"fmt"
	"strings"
)

// deployment is a Deployment as a user writes one.
type deployment struct {
	name, app, version, image string
	replicas                  int
}

// makeDeployment is of app reviews, with one pod of version v1.
func makeDeployment(name string) *deployment {
	return &deployment{name: name, app: "reviews", version: "v1", image: "example/reviews:v1", replicas: 1}
}

func (d *deployment) App(name string) *deployment    { d.app = name; return d }
func (d *deployment) Image(image string) *deployment { d.image = image; return d }
func (d *deployment) Replicas(n int) *deployment     { d.replicas = n; return d }
func (d *deployment) WithoutVersion() *deployment    { d.version = ""; return d }
func (d *deployment) Version(v string) *deployment {
	d.version = v
	return d.Image("example/reviews:" + v)
}

func (d *deployment) YAML() string {
	labels := "app: " + d.app
	if d.version != "" {
		labels += ", version: " + d.version
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {%[2]s}}
spec:
  replicas: %[3]d
  selector: {matchLabels: {%[2]s}}
  template:
    metadata: {labels: {%[2]s}}
    spec:
      containers: [{name: app, image: %[4]q, ports: [{containerPort: 9080}]}]
`, d.name, labels, d.replicas, d.image)
}

// makeService selects the pods of app, at port 9080.
func makeService(name, app string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec:
  selector: {app: %s}
  ports: [{name: http, port: 9080}]
`, name, app)
}

// gateway is the way from outside, host $NS.test.
const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [$NS.test]}]
`

// frontRoutes is what the gateway does, and meshRoutes what callers in the mesh
// get: routes of the user's own, which name no subset.
const frontRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: [$NS.test]
  gateways: [front]
  http:
  - name: api
    match: [{uri: {prefix: /api}}]
    rewrite: {uri: /}
    timeout: 10s
    route: [{destination: {host: reviews, port: {number: 9080}}}]
  - name: all
    timeout: 10s
    headers: {response: {set: {x-front: "yes"}}}
    route: [{destination: {host: reviews.$NS.svc.cluster.local, port: {number: 9080}}}]
`

const meshRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - name: jason
    match: [{headers: {end-user: {exact: jason}}}]
    timeout: 9s
    route: [{destination: {host: reviews}}]
  - name: all
    timeout: 10s
    retries: {attempts: 0}
    route: [{destination: {host: reviews}}]
`

// bookshop applies an app as users have it: two pods of reviews v1, a gateway
// before it and routes within the mesh; more is applied with it.
func (w *world) bookshop(more ...string) {
	w.t.Helper()
	w.apply(append([]string{
		makeService("reviews", "reviews"), makeDeployment("reviews-v1").Replicas(2).YAML(),
		gateway, frontRoutes, meshRoutes,
	}, more...)...)
	w.rolledOut("reviews-v1")
}

// rolledOut waits for the pods of Deployments.
func (w *world) rolledOut(deployments ...string) {
	w.t.Helper()
	for _, name := range deployments {
		w.kubectl("rollout", "status", "deployment", name, "--timeout", soon.String())
	}
}

// annotations turns "weight=10" into the argument that kubectl annotate takes.
func annotations(pairs []string) []string {
	out := make([]string, len(pairs))
	for n, pair := range pairs {
		out[n] = "grayscale.dev/" + strings.TrimPrefix(pair, "grayscale.dev/")
	}
	return out
}
