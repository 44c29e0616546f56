package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/e2e/inside"
)

// soon bounds everything that is waited for: it is long, for the machine may be
// busy, and nothing waits longer than it must.
const soon = 90 * time.Second

// world is a namespace of one scenario's own.
type world struct {
	t         *testing.T
	ctx       context.Context
	namespace string
}

// newWorld makes a namespace, which goes when the test ends.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), namespace: inside.Namespace(t, cluster, "e2e-")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the controller's last words about namespace %s:\n%s", w.namespace, controllerLog(w.namespace))
		}
	})
	return w
}

// apply is kubectl apply of that YAML, with $NS as the namespace's name.
func (w *world) apply(documents ...string) {
	w.t.Helper()
	text := strings.Join(documents, "\n---\n")
	if out, err := w.try(w.here(text), "apply", "-f", "-"); err != nil {
		w.t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

func (w *world) here(text string) string { return strings.ReplaceAll(text, "$NS", w.namespace) }

// kubectl runs kubectl in the namespace, and must succeed.
func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	out, err := w.try("", args...)
	if err != nil {
		w.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// pastTheGuard has kubectl write as one of the cluster's own controllers, whom the
// guard of versions that carry traffic does not hold.
const pastTheGuard = "--as=system:serviceaccount:kube-system:generic-garbage-collector"

// refused runs kubectl, must be refused, and gives what was answered.
func (w *world) refused(args ...string) string {
	w.t.Helper()
	out, err := w.try("", args...)
	if err == nil {
		w.t.Fatalf("kubectl %s was admitted:\n%s", strings.Join(args, " "), out)
	}
	return out
}

// try runs kubectl with that input, and gives output and errors together.
func (w *world) try(input string, args ...string) (string, error) {
	return w.tryIn(w.namespace, input, args...)
}

// tryIn does so in another namespace. A webhook that had no time to answer on a
// busy machine is asked again.
func (w *world) tryIn(namespace, input string, args ...string) (string, error) {
	for until := time.Now().Add(soon); ; {
		out, err := w.once(namespace, input, args...)
		late := strings.Contains(out, "failed calling webhook") && strings.Contains(out, "deadline exceeded") ||
			strings.Contains(out, "is not judged now: reading the cluster took longer than")
		if err == nil || !late || time.Now().After(until) {
			return out, err
		}
	}
}

// once does so without asking again.
func (w *world) once(namespace, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.ctx, "kubectl", append([]string{"-n", namespace}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The kinds that are read here.
var (
	deployments      = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	services         = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	pods             = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	events           = schema.GroupVersionKind{Group: "events.k8s.io", Version: "v1", Kind: "Event"}
	virtualServices  = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
	destinationRules = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"}
)

// get reads an object of the namespace; nil when there is none.
func (w *world) get(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	w.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	err := cluster.Get(w.ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, u)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatalf("reading %s %s/%s: %v", kind.Kind, w.namespace, name, err)
	}
	if err != nil {
		return nil
	}
	return u
}

// list reads the objects of a kind in the namespace.
func (w *world) list(kind schema.GroupVersionKind, options ...client.ListOption) []unstructured.Unstructured {
	w.t.Helper()
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind)
	if err := cluster.List(w.ctx, l, append(options, client.InNamespace(w.namespace))...); err != nil {
		w.t.Fatalf("listing %s in %s: %v", kind.Kind, w.namespace, err)
	}
	return l.Items
}

func names(list []unstructured.Unstructured) []string {
	out := []string{}
	for n := range list {
		out = append(out, list[n].GetName())
	}
	return out
}

// eventually polls until a condition holds. Its sentence says what stands
// instead, for the failure.
func (w *world) eventually(what string, holds func() (bool, string)) {
	w.t.Helper()
	w.within(soon, what, holds)
}

func (w *world) within(limit time.Duration, what string, holds func() (bool, string)) {
	w.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(w.ctx, 50*time.Millisecond, limit, true, func(context.Context) (ok bool, _ error) {
		ok, last = holds()
		return ok, nil
	})
	if err != nil {
		w.t.Fatalf("%s: not seen in %s; instead: %s", what, limit, last)
	}
}

// spec gives an object's spec as JSON, in which equal specs are equal bytes.
func spec(t *testing.T, u *unstructured.Unstructured) string {
	t.Helper()
	if u == nil {
		return "no such object"
	}
	b, err := json.MarshalIndent(u.Object["spec"], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// controllerLog gives the last lines that the controller wrote about a word.
func controllerLog(word string) string {
	const most = 25
	paths, err := filepath.Glob(filepath.Join(os.Getenv("TESTBED_DIR"), "logs", "grayscale-controller*"))
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte(word)) {
				lines = append(lines, fmt.Sprintf("%.500s", bytes.TrimSpace(line)))
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
