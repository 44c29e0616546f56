package metrics

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

func pod(name, app string, phase corev1.PodPhase, annotations map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": app}, Annotations: annotations},
		Spec:       corev1.PodSpec{NodeName: "testbed", Containers: []corev1.Container{{Name: "app"}, {Name: "helper"}}},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

// server knows one node and some pods.
func server(t *testing.T, pods ...*corev1.Pod) http.Handler {
	t.Helper()
	podIndex := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	nodeIndex := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, p := range pods {
		if err := podIndex.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := nodeIndex.Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "testbed"}}); err != nil {
		t.Fatal(err)
	}
	return (&Server{pods: listers.NewPodLister(podIndex), nodes: listers.NewNodeLister(nodeIndex)}).handler()
}

// get returns the status and the decoded body.
func get(t *testing.T, h http.Handler, path string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis/metrics.k8s.io/v1beta1"+path, nil))
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("GET %s: %s: %v", path, w.Body, err)
	}
	return w.Code
}

func TestPodsAreListedBySelectors(t *testing.T) {
	h := server(t,
		pod("busy", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "250m", MemoryAnnotation: "1Gi"}),
		pod("idle", "reviews", corev1.PodRunning, nil),
		pod("starting", "reviews", corev1.PodPending, nil),
		pod("wrong", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "much"}),
		pod("other", "ratings", corev1.PodRunning, nil))
	for path, want := range map[string]string{
		"/namespaces/shop/pods?labelSelector=app%3Dreviews":         "busy 250m 1Gi, idle 1m 16Mi",
		"/pods?labelSelector=app+in+(ratings)":                      "other 1m 16Mi",
		"/pods?fieldSelector=metadata.name%3Didle":                  "idle 1m 16Mi",
		"/pods?fieldSelector=metadata.namespace%3Dnowhere":          "",
		"/namespaces/default/pods":                                  "",
		"/namespaces/shop/pods?labelSelector=app%3Dreviews,x%3D%3D": "",
	} {
		var list v1beta1.PodMetricsList
		if code := get(t, h, path, &list); code != http.StatusOK {
			t.Errorf("GET %s: %d", path, code)
		}
		var got []string
		for _, m := range list.Items {
			if len(m.Containers) != 2 || !m.Containers[1].Usage.Cpu().IsZero() {
				t.Errorf("%s: containers %+v, want two, of which the second uses nothing", m.Name, m.Containers)
			}
			usage := m.Containers[0].Usage
			got = append(got, m.Name+" "+usage.Cpu().String()+" "+usage.Memory().String())
		}
		slices.Sort(got)
		if all := strings.Join(got, ", "); all != want {
			t.Errorf("GET %s: %s, want %s", path, all, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	h := server(t,
		pod("starting", "reviews", corev1.PodPending, nil),
		pod("wrong", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "much"}),
		pod("negative", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "-1"}))
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/namespaces/shop/pods/none":      {http.StatusNotFound, "none"},
		"/namespaces/shop/pods/starting":  {http.StatusNotFound, "starting"},
		"/namespaces/shop/pods/wrong":     {http.StatusInternalServerError, `shop/wrong: annotation testbed/cpu: "much"`},
		"/namespaces/shop/pods/negative":  {http.StatusInternalServerError, "0 or more"},
		"/nodes/none":                     {http.StatusNotFound, "none"},
		"/pods?labelSelector=app+reviews": {http.StatusBadRequest, "reviews"},
		"/pods?fieldSelector=name":        {http.StatusBadRequest, "name"},
	} {
		var status metav1.Status
		if code := get(t, h, path, &status); code != want.code || int(status.Code) != want.code || !strings.Contains(status.Message, want.text) {
			t.Errorf("GET %s: %d %+v, want %d with %q", path, code, status, want.code, want.text)
		}
	}
}

func TestNodeUsesWhatItsPodsUse(t *testing.T) {
	h := server(t,
		pod("busy", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "250m"}),
		pod("busier", "reviews", corev1.PodRunning, map[string]string{CPUAnnotation: "1"}),
		pod("starting", "reviews", corev1.PodPending, map[string]string{CPUAnnotation: "8"}))
	var node v1beta1.NodeMetrics
	if code := get(t, h, "/nodes/testbed", &node); code != http.StatusOK || node.Usage.Cpu().String() != "1250m" || node.Usage.Memory().String() != "32Mi" {
		t.Errorf("GET /nodes/testbed: %d %+v, want 1250m and 32Mi", code, node)
	}
	var list v1beta1.NodeMetricsList
	if code := get(t, h, "/nodes", &list); code != http.StatusOK || len(list.Items) != 1 {
		t.Errorf("GET /nodes: %d %+v", code, list)
	}
}
