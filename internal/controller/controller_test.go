package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

func status(phase release.Phase, reason string) *release.Status {
	s := &release.Status{Phase: phase}
	s.SetCondition(release.Degraded, reason != release.ReasonAsExpected, reason, "", time.Time{})
	return s
}

// TestAgain: what no watch tells of is looked at every now and then.
func TestAgain(t *testing.T) {
	for name, test := range map[string]struct {
		plan plan.Plan
		want time.Duration
	}{
		"nobody asks":               {plan.Plan{}, 0},
		"a refused start":           {plan.Plan{Refused: []string{"an Ingress"}}, snapshot.WayPeriod},
		"it runs":                   {plan.Plan{Status: status(release.Ready, release.ReasonAsExpected)}, snapshot.WayPeriod},
		"it runs, and waits":        {plan.Plan{After: time.Second, Status: status(release.Ready, release.ReasonAsExpected)}, time.Second},
		"it runs, and waits long":   {plan.Plan{After: time.Hour, Status: status(release.Ready, release.ReasonAsExpected)}, snapshot.WayPeriod},
		"an autoscaler holds it up": {plan.Plan{Status: status(release.TakenOver, release.ReasonManaged)}, scalerPeriod},
		"another way is there":      {plan.Plan{Status: status(release.Starting, release.ReasonUnrouted)}, scalerPeriod},
		"a workload is under the Service that no watch tells of": {plan.Plan{Status: status(release.Pending, release.ReasonPodLabels)}, scalerPeriod},
		"it is over":                 {plan.Plan{Status: status(release.Finished, release.ReasonAsExpected)}, 0},
		"what a lost one left waits": {plan.Plan{After: time.Second}, time.Second},
	} {
		if got := again(test.plan); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// TestMemory: writes count for a release, and go with it.
func TestMemory(t *testing.T) {
	m, now := memory{}, time.Unix(0, 0)
	key := types.NamespacedName{Namespace: "shop", Name: "reviews"}
	vs := &unstructured.Unstructured{Object: map[string]any{"kind": "VirtualService", "spec": map[string]any{}}}
	writes := plan.Plan{Status: status(release.Routing, release.ReasonAsExpected), Changes: []plan.Change{{Action: plan.Update, Before: vs, Object: vs}}}
	m.note(key, writes, now)
	m.note(key, writes, now)
	if got := m.of(key); len(got) != 1 || len(got[0].Last) != 2 || len(m.of(types.NamespacedName{})) != 0 {
		t.Errorf("got %+v", got)
	}
	m.note(key, plan.Plan{Status: status(release.Routing, release.ReasonAsExpected)}, now.Add(time.Hour))
	if len(m.by) != 0 {
		t.Errorf("what stood for an hour is remembered: %+v", m.by)
	}
	for _, over := range []*release.Status{nil, status(release.Cancelled, release.ReasonAsExpected)} {
		m.note(key, writes, now)
		m.note(key, plan.Plan{Status: over}, now)
		if len(m.by) != 0 {
			t.Errorf("an ended release is remembered: %+v", m.by)
		}
	}
}

// TestUntold: a pass that writes nothing tells by events what the one before has
// not told already.
func TestUntold(t *testing.T) {
	m := memory{}
	key := types.NamespacedName{Namespace: "shop", Name: "reviews"}
	event := func(uid types.UID, message string) plan.Event {
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetUID(uid)
		return plan.Event{On: u, Reason: "Unreadable", Message: message}
	}
	status := "{}"
	for n, pass := range []struct {
		plan plan.Plan
		want int
	}{
		{plan.Plan{Events: []plan.Event{event("service", "schema 0"), event("original", "schema 0")}}, 2},
		{plan.Plan{Events: []plan.Event{event("service", "schema 0"), event("original", "schema 0")}}, 0},
		{plan.Plan{Events: []plan.Event{event("service", "schema 0"), event("anew", "schema 0")}}, 1},
		{plan.Plan{Events: []plan.Event{event("service", "schema 2")}}, 1},
		{plan.Plan{Events: []plan.Event{event("service", "schema 2")}, Annotations: map[string]*string{"status": &status}}, 1},
		{plan.Plan{Events: []plan.Event{event("service", "schema 2")}}, 1},
		{plan.Plan{}, 0},
		{plan.Plan{Events: []plan.Event{event("service", "schema 2")}}, 1},
	} {
		if got := m.untold(key, pass.plan); len(got) != pass.want {
			t.Errorf("pass %d tells %d events, want %d", n, len(got), pass.want)
		}
	}
	if got := m.untold(types.NamespacedName{Name: "another"}, plan.Plan{Events: []plan.Event{event("service", "schema 2")}}); len(got) != 1 {
		t.Errorf("what was told of one Service is not told of another: %v", got)
	}
}
