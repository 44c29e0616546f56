package races

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hold keeps what one pod of the controller's writes of an object waiting in
// admission: it is decided on long after it was sent.
type hold struct {
	shop
	object             client.Object
	resource, sub, pod string
	begun              time.Time

	waits, over  chan struct{}
	first, ended sync.Once
}

// holdLimit is how long an API server waits for us at the most; it goes on then
// as if we had let the write go. (It takes no longer one.)
const holdLimit = 30 // seconds

// held holds the pod's writes of an object from now on, those of a subresource
// where one is named.
func (s shop) held(pod string, object client.Object, resource, sub string) *hold {
	s.Helper()
	h := &hold{shop: s, object: object, resource: resource, sub: sub, pod: pod, begun: time.Now(), waits: make(chan struct{}), over: make(chan struct{})}
	server := httptest.NewTLSServer(h)
	s.Cleanup(server.Close)
	s.Cleanup(h.letGo) // before the server closes, which waits for its requests
	config := h.configuration(server)
	s.made(config)
	s.Cleanup(func() {
		if err := cluster.Delete(context.WithoutCancel(s.Context()), config); err != nil {
			s.Errorf("deleting %s: %v", config.Name, err)
		}
	})
	for n, api := range watchers {
		s.eventually(fmt.Sprintf("API server %d to ask us", n+1), func() (bool, string) {
			err := h.probe(api)
			return says(err, probed), fmt.Sprint(err)
		})
	}
	return h
}

// what is how the audit log's reader calls the writes that are held.
func (h *hold) what() string {
	return "patch " + strings.TrimSuffix(h.resource+"/"+h.sub, "/") + " " + h.object.GetName()
}

func (h *hold) letGo() { h.ended.Do(func() { close(h.over) }) }

// reached says whether a write waits.
func (h *hold) reached() (bool, string) {
	select {
	case <-h.waits:
		return true, ""
	default:
		return false, "none"
	}
}

// configuration has the API servers ask us about the pod's writes, and about
// anybody's dry runs, which show that they do.
func (h *hold) configuration(server *httptest.Server) *admissionregistrationv1.ValidatingWebhookConfiguration {
	const podName = "authentication.kubernetes.io/pod-name"
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: h.namespace + "-hold"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hold.grayscale.test",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      ptr.To(server.URL),
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": h.namespace}},
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "theirs", Expression: fmt.Sprintf(
				"request.name == %q && (request.?dryRun.orValue(false) || %q in request.userInfo.?extra[%q].orValue([]))", h.object.GetName(), h.pod, podName)}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{"*"}, APIVersions: []string{"v1"}, Resources: []string{strings.TrimSuffix(h.resource+"/"+h.sub, "/")},
				},
			}},
			FailurePolicy:  ptr.To(admissionregistrationv1.Ignore),
			SideEffects:    ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds: ptr.To(int32(holdLimit)), AdmissionReviewVersions: []string{"v1"},
		}},
	}
}

// probed is how a dry run is refused.
const probed = "whoever tries is told that writes are held"

// probe makes a dry run of a write without effect.
func (h *hold) probe(api client.Client) error {
	o, ok := h.object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", h.object)
	}
	nothing := client.RawPatch(types.MergePatchType, []byte("{}"))
	if h.sub != "" {
		return api.SubResource(h.sub).Patch(h.Context(), o, nothing, client.DryRunAll)
	}
	return api.Patch(h.Context(), o, nothing, client.DryRunAll)
}

// ServeHTTP implements http.Handler: it answers when the hold is over.
func (h *hold) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, fmt.Sprintf("no review: %v", err), http.StatusBadRequest)
		return
	}
	answer := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if ptr.Deref(review.Request.DryRun, false) {
		answer.Allowed, answer.Result = false, &metav1.Status{Message: probed}
	} else {
		h.first.Do(func() { close(h.waits) })
		select {
		case <-h.over:
		case <-r.Context().Done(): // nobody waits for the answer any more
		}
	}
	review.Request, review.Response = nil, answer
	if err := json.NewEncoder(w).Encode(review); err != nil {
		h.Logf("answering a review: %v", err)
	}
}
