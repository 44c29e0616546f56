package docs

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// has wants exactly these Deployments.
func (w *world) has(names ...string) {
	w.t.Helper()
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(deployments)
	if err := cluster.List(w.ctx, all, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for n := range all.Items {
		got = append(got, all.Items[n].GetName())
	}
	if slices.Sort(got); !slices.Equal(got, names) {
		w.t.Errorf("the Deployments are %v, want %v", got, names)
	}
}

// replicas wants that many pods of a Deployment, ready.
func (w *world) replicas(name string, want int32) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d pods of Deployment %s", want, name), func() (bool, string) {
		d := w.deployment(name)
		ready, _, _ := unstructured.NestedInt64(d.Object, "status", "readyReplicas")
		asked := release.WorkloadOf(d).Replicas
		return asked == want && ready == int64(want), fmt.Sprintf("%d asked, %d ready", asked, ready)
	})
}

// container wants an environment variable and a limit of memory.
func (w *world) container(name, variable, memory string) {
	w.t.Helper()
	containers, _, _ := unstructured.NestedSlice(w.deployment(name).Object, "spec", "template", "spec", "containers")
	text, err := json.Marshal(containers)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, part := range []string{variable, `"memory":"` + memory + `"`, `"image":"example/reviews:v1"`} {
		if !strings.Contains(string(text), part) {
			w.t.Errorf("the containers of Deployment %s lack %s: %s", name, part, text)
		}
	}
}

// ended wants the release over in that way, and nothing left in the user's objects.
func (w *world) ended(phase string) {
	w.t.Helper()
	annotations := w.get(services, "reviews").GetAnnotations()
	history, err := release.ParseHistory(annotations[intent.AnnotationHistory])
	if err != nil || len(history.Entries) != 1 || string(history.Entries[0].Phase) != phase {
		w.t.Errorf("the history is %+v (%v), want one release, %s", history, err, phase)
	}
	if status := annotations[intent.AnnotationStatus]; status != "" {
		w.t.Errorf("there still is a status: %s", status)
	}
	if after := w.routes(); after != w.before {
		w.t.Errorf("the user's routes are\n%s\nand were\n%s", after, w.before)
	}
}

// routes is the spec of the user's VirtualService, as text.
func (w *world) routes() string {
	w.t.Helper()
	text, err := yaml.Marshal(w.get(virtualServices, "reviews").Object["spec"])
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// copies counts the requests that both proxies sent to the mirror's subset.
func (w *world) copies() int {
	w.t.Helper()
	total := 0
	for _, admin := range []string{os.Getenv("ENVOY_GATEWAY_ADMIN"), os.Getenv("ENVOY_SIDECAR_ADMIN")} {
		res, err := http.Get(admin + "/stats?filter=grayscale-mirror.*upstream_rq_total")
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if n, err := strconv.Atoi(value); err == nil && strings.Contains(name, "."+w.namespace+".") && strings.HasSuffix(name, "upstream_rq_total") {
				total += n
			}
		}
	}
	return total
}
