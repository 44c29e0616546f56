package webhook

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	webhookserver "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// countingServer counts, by path, the calls that come of writes that can take
// effect. A write of an older version of an object is none: the API server asks
// the mutating webhooks about it before it finds the conflict and refuses it, and
// the Deployment controller's status writes are often such.
type countingServer struct {
	webhookserver.Server
	sync.Mutex
	calls  map[string]int
	delays map[string]time.Duration // of each answer
}

// slowed has the answers of these paths take so long, until the test ends.
func (s *countingServer) slowed(t *testing.T, delay time.Duration, paths ...string) {
	set := func(delay time.Duration) {
		s.Lock()
		defer s.Unlock()
		for _, path := range paths {
			s.delays[path] = delay
		}
	}
	set(delay)
	t.Cleanup(func() { set(0) })
}

// counting is a manager whose webhooks are counted.
type counting struct{ manager.Manager }

// GetWebhookServer implements manager.Manager.
func (m counting) GetWebhookServer() webhookserver.Server {
	counter.Server = m.Manager.GetWebhookServer()
	return counter
}

// counter is that of the webhooks which this process serves.
var counter = &countingServer{calls: map[string]int{}, delays: map[string]time.Duration{}}

// Register implements webhook.Server.
func (s *countingServer) Register(path string, hook http.Handler) {
	s.Server.Register(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		counts := !stale(body)
		s.Lock()
		if counts {
			s.calls[path]++
		}
		delay := s.delays[path]
		s.Unlock()
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		hook.ServeHTTP(w, r)
	}))
}

// stale says that a review is of an older version of the object than is stored.
func stale(body []byte) bool {
	var review admissionv1.AdmissionReview
	if json.Unmarshal(body, &review) != nil || review.Request == nil {
		return false
	}
	var is, was metav1.PartialObjectMetadata
	if json.Unmarshal(review.Request.Object.Raw, &is) != nil || json.Unmarshal(review.Request.OldObject.Raw, &was) != nil {
		return false
	}
	return is.ResourceVersion != "" && is.ResourceVersion != was.ResourceVersion
}

// calls counts what reached the webhook at that path.
func calls(t *testing.T, path string) int {
	t.Helper()
	counter.Lock()
	defer counter.Unlock()
	return counter.calls[path]
}
