package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// soon bounds everything that is waited for: it is long, for the machine may be
// busy, and nothing waits longer than it must.
const soon = 2 * time.Minute

// world is one example's own namespace, with the app that the pages speak of.
type world struct {
	t         *testing.T
	ctx       context.Context
	namespace string
	original  string
	clients   *clients
	before    string // the user's routes
	config    string // kubeconfig whose context is in the namespace
}

// app is Service reviews with an original of two pods, a gateway, and routes of
// the user's own. NS is the namespace.
const app = `
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ORIGINAL, annotations: {NOTES}}
spec:
  replicas: 2
  selector: {matchLabels: {SELECTOR}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec:
      containers: [{name: reviews, image: "example/reviews:v1", ports: [{containerPort: 9080}]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [NS.test]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [NS.test, reviews]
  gateways: [front, mesh]
  http:
  - name: api
    match: [{uri: {prefix: /api}}]
    rewrite: {uri: /}
    timeout: 10s
    route: [{destination: {host: reviews}}]
  - name: all
    timeout: 10s
    route: [{destination: {host: reviews}}]
`

// newWorld makes the namespace and the app, with clients that are all answered
// by v1. kind is the expectation's original.
func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), original: "reviews-v1"}
	selector, notes := "app: reviews, version: v1", ""
	if name, by, _ := strings.Cut(kind, ", "); name != "" {
		w.original, selector = name, "app: reviews"
		if by != "" {
			notes = "meta.helm.sh/release-name: shop"
		}
	}
	w.namespace = inside.Namespace(t, cluster, "docs-")
	w.config = configIn(t, w.namespace)
	text := strings.NewReplacer("ORIGINAL", w.original, "SELECTOR", selector, "NOTES", notes, "NS", w.namespace).Replace(app)
	w.shell("kubectl apply -f app.yaml\nkubectl rollout status deployment "+w.original+" --timeout 60s", map[string]string{"app.yaml": text})
	w.before = w.routes()
	w.clients = w.startClients()
	return w
}

// configIn writes the testbed's kubeconfig with another namespace in its contexts.
func configIn(t *testing.T, namespace string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range config.Contexts {
		c.Namespace = namespace
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// begin brings the release to where a section starts.
func (w *world) begin(from map[string]string) {
	w.t.Helper()
	if from == nil {
		return
	}
	annotations := map[string]string{}
	for key, value := range from {
		annotations[intent.Prefix+key] = value
	}
	w.clients.begin("to where the section begins", anyOf("v1", "v2"))
	w.write(annotations)
	switch from["traffic"] {
	case "grayscale":
		w.wait("", "takeover")
		w.clients.settle(expectation{weight: 100, insiders: true})
	case "original":
		w.wait("", "policy")
	default:
		w.wait("", "policy")
	}
}

// annotate writes an example's annotations on the original, as they stand.
func (w *world) annotate(text string) {
	w.t.Helper()
	var annotations map[string]string
	if err := yaml.UnmarshalStrict([]byte(text), &annotations); err != nil {
		w.t.Fatalf("the example is no list of annotations: %v\n%s", err, text)
	}
	w.write(annotations)
}

func (w *world) write(annotations map[string]string) {
	w.t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually("Deployment "+w.original+" annotated", func() (bool, string) {
		d := object(deployments)
		d.SetNamespace(w.namespace)
		d.SetName(w.original)
		err := cluster.Patch(w.ctx, d, client.RawPatch(types.MergePatchType, patch))
		switch {
		case err == nil:
			return true, ""
		case apierrors.IsInternalError(err):
			return false, err.Error() // a webhook was too slow to answer on a busy machine
		}
		w.t.Fatalf("annotating Deployment %s: %v\n%s", w.original, err, patch)
		return false, ""
	})
}

// shell runs command lines as a user would, in the namespace and in a folder
// with those files, and gives all that they say.
func (w *world) shell(lines string, files map[string]string) string {
	w.t.Helper()
	folder := w.t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(w.ctx, "bash", "-euo", "pipefail", "-c", lines)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.config)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", lines, err, out)
	}
	return string(out)
}

// wait waits until the release has come that far: the end must not be asked for
// twice, so what a command line has waited for is simply so.
func (w *world) wait(task, goal string) {
	w.t.Helper()
	if task == "" {
		task = "reviews-v2"
	}
	if goal == "" {
		goal = "policy"
	}
	w.shell(fmt.Sprintf("kubectl-grayscale wait %s --for %s --timeout %s", task, goal, soon), nil)
}

// eventually polls until a condition holds. Its sentence says what stands
// instead, for the failure.
func (w *world) eventually(what string, holds func() (bool, string)) {
	w.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(w.ctx, 100*time.Millisecond, soon, true, func(context.Context) (ok bool, _ error) {
		ok, last = holds()
		return ok, nil
	})
	if err != nil {
		w.t.Fatalf("%s: not seen in %s; instead: %s", what, soon, last)
	}
}

// The kinds that are read here.
var (
	deployments     = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	services        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	virtualServices = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
)

func object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

func (w *world) get(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	w.t.Helper()
	u := object(kind)
	if err := cluster.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, u); err != nil {
		w.t.Fatalf("reading %s %s/%s: %v", kind.Kind, w.namespace, name, err)
	}
	return u
}

func (w *world) deployment(name string) *unstructured.Unstructured { return w.get(deployments, name) }
