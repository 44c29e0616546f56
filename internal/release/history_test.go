package release_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func entry(n int, message string) release.Entry {
	at := now.Add(time.Duration(n) * time.Minute)
	return release.Entry{Task: fmt.Sprintf("task-%d", n), Phase: release.Finished, Original: "reviews-v1", Started: at, Ended: at, Message: message}
}

func TestHistoryLimits(t *testing.T) {
	h := release.History{}
	for n := range 150 {
		h = h.With(entry(n, ""), "uid", nil)
	}
	if len(h.Entries) != release.MostEntries || h.Entries[0].Task != "task-149" || h.Entries[9].Task != "task-140" {
		t.Errorf("%d entries, the first %s", len(h.Entries), h.Entries[0].Task)
	}
	if len(h.Spent) != release.MostSpent || !h.IsSpent("task-50", "uid") || h.IsSpent("task-49", "uid") {
		t.Errorf("%d spent pairs", len(h.Spent))
	}
	if h.IsSpent("task-149", "another") || h.IsSpent("task-14", "uid9") {
		t.Error("a pair is of one task and one Deployment")
	}
	if _, found := h.Find("task-149"); !found {
		t.Error("task-149 is not found")
	}
	if _, found := h.Find("task-1"); found {
		t.Error("task-1 is found although it was dropped")
	}
}

func TestHistorySpendsOnce(t *testing.T) {
	h := release.History{}.With(entry(1, ""), "uid", nil).With(entry(2, ""), "uid", nil).With(entry(1, "again"), "uid", nil)
	if len(h.Spent) != 2 || len(h.Entries) != 3 || h.Spent[0] != release.Pair("task-1", "uid") {
		t.Errorf("spent %v, %d entries", h.Spent, len(h.Entries))
	}
	if e, _ := h.Find("task-1"); e.Message != "again" {
		t.Errorf("Find gives %q, want the newest", e.Message)
	}
}

// TestHistorySize: entries give way to the limit of what a Service's annotations
// may take; spent pairs never do.
func TestHistorySize(t *testing.T) {
	h := release.History{}
	for n := range 200 {
		h = h.With(entry(n, strings.Repeat("x", 3000)), types.UID(fmt.Sprint(n)), nil)
	}
	for _, status := range []int{0, 4000, 12000, release.MostBytes} {
		value := h.String(status)
		back, err := release.ParseHistory(value)
		if err != nil {
			t.Fatal(err)
		}
		if len(back.Spent) != release.MostSpent {
			t.Errorf("beside a status of %d bytes %d spent pairs are left", status, len(back.Spent))
		}
		if len(value)+status > release.MostBytes && len(back.Entries) > 0 {
			t.Errorf("beside a status of %d bytes the history has %d with %d entries", status, len(value), len(back.Entries))
		}
		if len(back.Entries) > 0 && back.Entries[0].Task != "task-199" {
			t.Errorf("the newest entry was dropped first")
		}
	}
	if len(h.Entries) != release.MostEntries {
		t.Error("String changed the history")
	}
}

func TestParseHistory(t *testing.T) {
	h := release.History{}.With(entry(1, ""), "uid", nil)
	back, err := release.ParseHistory(h.String(0))
	if err != nil || !reflect.DeepEqual(back, h) {
		t.Errorf("got %+v, %v; want %+v", back, err, h)
	}
	if empty, err := release.ParseHistory(""); err != nil || len(empty.Entries) != 0 {
		t.Errorf("an empty annotation is %+v, %v", empty, err)
	}
	if _, err := release.ParseHistory("{"); err == nil || !strings.Contains(err.Error(), intent.AnnotationHistory) {
		t.Errorf("a broken annotation gives %v", err)
	}
}

// full is a status with something in every field.
func full() *release.Status {
	ended := now.Add(time.Hour)
	s := &release.Status{
		Schema: release.Schema, Task: "task", Form: intent.Canary, Phase: release.Routing, Finish: intent.Replace,
		Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Clone: "reviews-v2", Label: "version",
		Original:  release.Version{Name: "reviews-v1", UID: "uid", Version: "v1", Images: map[string]string{"app": "a:1"}, Ready: 4, Replicas: 4, Template: "hash", Labels: map[string]string{"version": "v1"}},
		Grayscale: release.Version{Name: "reviews-v2", Version: "v2", Images: map[string]string{"app": "a:2"}, Ready: 1, Replicas: 1},
		Policy:    release.Policy{Weight: 1250, Traffic: intent.TrafficPolicy, End: intent.EndFinish, Replicas: 2},
		Live:      &release.Live{Weight: 50, Most: 1250, Routes: 2}, Peak: 6, Strict: "because",
		Steps: release.Steps{release.Step(release.Pending): now, release.StepPinned: now.Add(time.Millisecond)}, Started: now, Ended: &ended, By: "jane", Message: "why",
	}
	s.SetCondition(release.Progressing, true, release.ReasonShifting, "moving", now)
	return s
}

func TestStatusRoundTrip(t *testing.T) {
	s := full()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := release.ParseStatus(string(b))
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(b) {
		t.Errorf("%v: got  %s\nwant %s", err, again, b)
	}
	if !strings.Contains(string(b), `"weight":12.5`) {
		t.Errorf("a weight is not a percentage in %s", b)
	}
	copied := s.DeepCopy()
	copied.Steps[release.StepGone], copied.Original.Images["app"], copied.Live.Weight = now, "other", 1
	if s.Steps.Done(release.StepGone) || s.Original.Images["app"] != "a:1" || s.Live.Weight != 50 {
		t.Error("a copy shares something")
	}
}

func TestClaim(t *testing.T) {
	b, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		annotations map[string]string
		uid         types.UID
		claims      bool
		err         string
	}{
		"none":                   {nil, "uid-reviews", false, ""},
		"its own":                {map[string]string{intent.AnnotationStatus: string(b)}, "uid-reviews", true, ""},
		"of a Service made anew": {map[string]string{intent.AnnotationStatus: string(b)}, "another", false, ""},
		"broken":                 {map[string]string{intent.AnnotationStatus: "{"}, "uid-reviews", false, "annotation grayscale.dev/status is not readable"},
		"of a later version":     {map[string]string{intent.AnnotationStatus: `{"schema":2}`}, "uid-reviews", false, "has schema 2, this version reads 1"},
		"empty":                  {map[string]string{intent.AnnotationStatus: ""}, "uid-reviews", false, "is not readable"},
		"of another version, on a Service made anew": {map[string]string{intent.AnnotationStatus: `{"schema":0,"service":{"uid":"uid-reviews"},"policy":7}`}, "another", false, ""},
		"of another version, by a number for a UID":  {map[string]string{intent.AnnotationStatus: `{"schema":0,"service":{"name":"reviews","uid":5}}`}, "uid-reviews", false, "has schema 0"},
		"with a weight too large":                    {map[string]string{intent.AnnotationStatus: `{"schema":1,"policy":{"weight":900}}`}, "uid-reviews", false, "weight 900 is more than the whole traffic"},
	} {
		s, err := release.Claim(test.annotations, test.uid)
		if (s != nil) != test.claims || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestSetCondition(t *testing.T) {
	s := full()
	since := s.Condition(release.Progressing).LastTransitionTime
	if s.SetCondition(release.Progressing, true, release.ReasonShifting, "another sentence", now.Add(time.Hour)) {
		t.Error("another sentence counts as a change")
	}
	if got := s.Condition(release.Progressing); !got.LastTransitionTime.Equal(&since) || got.Message != "another sentence" {
		t.Errorf("the transition moved to %s", got.LastTransitionTime)
	}
	if !s.SetCondition(release.Progressing, false, release.ReasonSettled, "done", now.Add(time.Hour)) || s.Is(release.Progressing) {
		t.Error("a change of the truth is none")
	}
	if s.Condition(release.Progressing).LastTransitionTime.Equal(&since) {
		t.Error("the transition did not move")
	}
}

// TestPhases: every phase has a sentence, and none is both ending and ended.
func TestPhases(t *testing.T) {
	for _, p := range []release.Phase{release.Pending, release.Starting, release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished, release.Cancelling, release.Cancelled, release.Rejected} {
		if p.Sentence() == "" {
			t.Errorf("%s has no sentence", p)
		}
		if p.Ended() && p.Ending() {
			t.Errorf("%s is ending and ended", p)
		}
	}
}
