package differential

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

const (
	soon = 30 * time.Second
	port = 9080
	// slots is how many Services have routes at the same time: one write to the
	// mesh then serves many requests.
	slots = 8
)

var virtualServices = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}

// world is a namespace with pods of reviews v1 and v2 and of ratings v1, a Service
// for each slot that selects all of reviews, and a Gateway.
type world struct {
	t         *testing.T
	ctx       context.Context
	namespace string
	older     bool // Envoy joins the lines of a header
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), namespace: inside.Namespace(t, cluster, "differential-")}
	documents := []string{pods("reviews", "v1"), pods("reviews", "v2"), pods("ratings", "v1"), serviceYAML("ratings", "ratings"), serviceYAML(barrier, "ratings"), gatewayYAML}
	for i := range slots {
		documents = append(documents, serviceYAML(slot(i), "reviews"), ruleYAML(slot(i)))
	}
	for _, document := range documents {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(document, "$NS", w.namespace)), &u.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		w.create(u)
	}
	for _, name := range []string{"reviews-v1", "reviews-v2", "ratings-v1"} {
		w.eventually("Deployment "+name+" is available", func() (bool, string) {
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
			if err := cluster.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, u); err != nil {
				return false, err.Error()
			}
			n, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
			return n == 1, fmt.Sprintf("%d pods are", n)
		})
	}
	w.endpoints()
	return w
}

// slot names the Service of a slot, outer the host by which a gateway has it.
func slot(i int) string { return fmt.Sprintf("reviews-%d", i) }

func outer(i int) string { return fmt.Sprintf("r%d.$NS.test", i) }

func (w *world) here(text string) string { return strings.ReplaceAll(text, "$NS", w.namespace) }

func (w *world) create(u *unstructured.Unstructured) {
	w.t.Helper()
	u.SetNamespace(w.namespace)
	if err := cluster.Create(w.ctx, u); err != nil {
		w.t.Fatalf("creating %s %s/%s: %v", u.GetKind(), w.namespace, u.GetName(), err)
	}
}

// eventually polls until a condition holds. Its sentence says what stands
// instead, for the failure.
func (w *world) eventually(what string, holds func() (bool, string)) {
	w.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(w.ctx, 10*time.Millisecond, soon, true, func(context.Context) (ok bool, _ error) {
		ok, last = holds()
		return ok, nil
	})
	if err != nil {
		w.t.Fatalf("%s: not seen in %s; instead: %s", what, soon, last)
	}
}

func pods(app, version string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s-%[2]s}, spec: {
  selector: {matchLabels: {app: %[1]s, version: %[2]s}},
  template: {metadata: {labels: {app: %[1]s, version: %[2]s}},
    spec: {containers: [{name: app, image: "example/%[1]s:%[2]s", ports: [{containerPort: %[3]d}]}]}}}}`, app, version, port)
}

func serviceYAML(name, app string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %s},
  spec: {selector: {app: %s}, ports: [{name: http, port: %d}]}}`, name, app, port)
}

// ruleYAML has the user's subsets and ours, all strict: the version that answers
// says which subset was chosen.
func ruleYAML(service string) string {
	subsets := ""
	for name, version := range versions {
		subsets += fmt.Sprintf("{name: %s, labels: {version: %s}}, ", name, version)
	}
	return fmt.Sprintf(`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: %[1]s},
  spec: {host: %[1]s, subsets: [%[2]s]}}`, service, subsets)
}

// versions is what each subset selects.
var versions = map[string]string{
	"v1": "v1", "v2": "v2",
	route.SubsetOriginal: "v1", route.SubsetVersion: "v2", route.SubsetMirror: "v2",
}

const gatewayYAML = `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: front}, spec: {
  selector: {istio: ingressgateway},
  servers: [
    {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.$NS.test"]},
    {port: {number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}, hosts: [secure.$NS.test]}]}}`
