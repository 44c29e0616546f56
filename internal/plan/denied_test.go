package plan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// held is a Service that a release in that phase holds.
func held(t *testing.T, status release.Status) *unstructured.Unstructured {
	t.Helper()
	status.Schema, status.Service.UID = release.Schema, "uid"
	b, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	service := plainService()
	service.SetUID("uid")
	service.SetAnnotations(map[string]string{intent.AnnotationStatus: string(b)})
	return service
}

// TestDenied: what the API server refuses is told once, with the reason, and
// changes nothing else; where nobody holds the Service there is nobody to tell.
func TestDenied(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	running := release.Status{Task: "first", Phase: release.Routing, Steps: release.Steps{release.StepPinned: now}}
	s := plan.Snapshot{Key: reviewsKey, Service: held(t, running)}
	p := plan.Denied(s, "updating VirtualService shop/reviews: frozen", now)
	c := p.Status.Condition(release.Degraded)
	if c.Reason != release.ReasonRefused || !strings.Contains(c.Message, "shop/reviews: frozen") {
		t.Errorf("Degraded is %s: %s, want Refused with the reason", c.Reason, c.Message)
	}
	if len(p.Changes) != 0 || len(p.Annotations) != 1 || p.Status.Phase != release.Routing || len(p.Status.Steps) != 1 {
		t.Errorf("more than the condition changes: %+v", p)
	}
	if len(p.Events) != 1 || !p.Events[0].Warning || p.Events[0].Reason != release.ReasonRefused {
		t.Errorf("the events are %+v, want one warning", p.Events)
	}
	s.Service = held(t, *p.Status)
	if again := plan.Denied(s, "updating VirtualService shop/reviews: frozen", now.Add(time.Minute)); again.Status != nil {
		t.Errorf("it is told twice: %+v", again)
	}
	if other := plan.Denied(s, "updating VirtualService shop/front: frozen", now); other.Status == nil {
		t.Error("another refusal is not told")
	}
	for name, service := range map[string]*unstructured.Unstructured{
		"no Service": nil, "a Service that nobody holds": plainService(), "a release that has ended": held(t, release.Status{Phase: release.Cancelled}),
	} {
		if p := plan.Denied(plan.Snapshot{Key: reviewsKey, Service: service}, "frozen", now); p.Status != nil || len(p.Annotations) != 0 {
			t.Errorf("%s: %+v, want nothing", name, p)
		}
	}
}
