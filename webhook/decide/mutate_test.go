package decide_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func TestBy(t *testing.T) {
	cases := []struct {
		name          string
		user          string
		before, after map[string]string // before nil: created
		want          string
		set           bool
	}{
		{name: "who asks", user: jane, before: keys(), after: good(), want: jane, set: true},
		{name: "created", user: jane, after: good(), want: jane, set: true},
		{name: "a name of one's own", user: jane, before: keys(), after: good("by=joe"), want: jane, set: true},
		{name: "the last one counts", user: jane, before: good("by=joe"), after: good("by=joe", "weight=1"), want: jane, set: true},
		{name: "without a release", user: jane, before: keys(), after: keys("weight=1", "by=jane")},
		{name: "the controller keeps it", user: controller, before: good("by=joe"), after: good("by=x"), want: "joe", set: true},
		{name: "the controller sets none", user: controller, before: good(), after: good("by=x")},
		{name: "the controller creates none", user: controller, after: good("by=x")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before *unstructured.Unstructured
			if c.before != nil {
				before = original(t, c.before)
			}
			user, set := decide.By(decide.Write{Before: before, After: original(t, c.after), User: c.user, Controller: controller})
			if user != c.want || set != c.set {
				t.Errorf("got %q, %v, want %q, %v", user, set, c.want, c.set)
			}
		})
	}
}

func TestNormal(t *testing.T) {
	claims := decide.ClaimsOf([]release.Service{service(t, "reviews", running())})
	raw := original(t, good("by=jane"))
	raw.SetName("reviews-v2")
	raw.SetLabels(map[string]string{intent.LabelTask: "reviews-v2"})

	got := decide.Normal(decide.Write{After: raw, User: controller, Controller: controller}, claims)
	if got == nil {
		t.Fatal("the controller's clone is not labelled")
	}
	w := release.WorkloadOf(got)
	if w.Labels[intent.LabelOf] != "reviews-v1" || w.Selector.MatchLabels["version"] != "v2" || w.Template["version"] != "v2" || len(w.Annotations) != 0 {
		t.Errorf("got labels %v, selector %v, pod labels %v, annotations %v", w.Labels, w.Selector, w.Template, w.Annotations)
	}
	for name, write := range map[string]decide.Write{
		"somebody else's":   {After: raw, User: jane, Controller: controller},
		"one that is there": {Before: raw, After: raw, User: controller, Controller: controller},
	} {
		if decide.Normal(write, claims) != nil {
			t.Errorf("%s is labelled", name)
		}
	}
	if decide.Normal(decide.Write{After: raw, User: controller, Controller: controller}, nil) != nil {
		t.Error("a clone without a claim is labelled")
	}
}
