package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// discovered is what an API server says of the kinds that the guard's caches hold.
var discovered = map[string]string{
	"/api":                         `{"kind":"APIVersions","versions":["v1"]}`,
	"/api/v1":                      `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"services","kind":"Service","namespaced":true,"verbs":["list"]}]}`,
	"/apis":                        `{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}]},{"name":"networking.istio.io","versions":[{"groupVersion":"networking.istio.io/v1","version":"v1"}]}]}`,
	"/apis/apps/v1":                `{"kind":"APIResourceList","groupVersion":"apps/v1","resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list"]}]}`,
	"/apis/networking.istio.io/v1": `{"kind":"APIResourceList","groupVersion":"networking.istio.io/v1","resources":[{"name":"virtualservices","kind":"VirtualService","namespaced":true,"verbs":["list"]}]}`,
}

// TestWhoHoldsAServiceIsReadLive: the caches say that the Service is free, the API
// server that it is held, and that is what is answered.
func TestWhoHoldsAServiceIsReadLive(t *testing.T) {
	_, held := guarding(t)
	service, err := held[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		text, ok := discovered[r.URL.Path]
		switch {
		case r.URL.Path == "/api/v1/namespaces/shop/services":
			text = `{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[` + string(service) + `]}`
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}))
	defer api.Close()
	mgr, err := ctrl.NewManager(&rest.Config{Host: api.URL}, ctrl.Options{Metrics: server.Options{BindAddress: "0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := Register(mgr, Options{Controller: controller, Settings: plan.Defaults, Cached: snapshot.Files(documents(t, shop)), Ways: &snapshot.Ways{Now: time.Now}}); err != nil {
		t.Fatal(err)
	}
	req := request(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"mine","namespace":"shop","labels":{"grayscale.dev/task":"reviews-v2","grayscale.dev/of":"reviews-v1"}}}`, "").AdmissionRequest
	req.UID, req.OldObject = "asked", runtime.RawExtension{}
	body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &req})
	if err != nil {
		t.Fatal(err)
	}
	call := httptest.NewRequest(http.MethodPost, PathValidateDeployment, bytes.NewReader(body))
	call.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	mgr.GetWebhookServer().WebhookMux().ServeHTTP(answer, call)
	if said := answer.Body.String(); !strings.Contains(said, "Service shop/reviews is held by release reviews-v2 of Deployment reviews-v1") {
		t.Errorf("got %s", said)
	}
}
