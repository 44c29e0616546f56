package release_test

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestUnreadable: of a claim that can't be read is told what can be told, by it
// or by the labels of its grayscale version.
func TestUnreadable(t *testing.T) {
	clone, other, strange := workload("reviews-v2", "version=v2"), workload("ratings-v2"), workload("reviews-v3", "version=v3")
	clone.Labels = map[string]string{intent.LabelTask: "by-label", intent.LabelOf: "reviews-v1"}
	other.Labels = map[string]string{intent.LabelTask: "another", intent.LabelOf: "ratings"}
	other.Template = map[string]string{"app": "ratings"}
	strange.Namespace = "elsewhere"
	strange.Labels = map[string]string{intent.LabelTask: "elsewhere"}
	type told struct{ task, clone, original, sentence string }
	for name, test := range map[string]struct {
		status string
		want   told
	}{
		"of another schema": {
			`{"schema":0,"task":"reviews-v2","clone":"reviews-v2","service":{"name":"reviews","uid":"uid-reviews"},"original":{"name":"reviews-v1","uid":"uid"}}`,
			told{"reviews-v2", "reviews-v2", "reviews-v1", "running, not readable by this version (schema 0)"},
		},
		"that has the clone elsewhere": {
			`{"schema":2.5,"clones":["reviews-v2"],"task":7,"original":"reviews-v1"}`,
			told{"by-label", "reviews-v2", "reviews-v1", "running, not readable by this version (schema 2.5)"},
		},
		"of our schema, damaged": {
			`{"schema":1,"task":"reviews-v2","policy":{"weight":900}}`,
			told{"reviews-v2", "reviews-v2", "reviews-v1", "running, not readable by this version (its status is damaged)"},
		},
		"cut off":   {`{"schema":1,"task":"rev`, told{"by-label", "reviews-v2", "reviews-v1", "running, not readable by this version (its status is damaged)"}},
		"no object": {`[]`, told{"by-label", "reviews-v2", "reviews-v1", "running, not readable by this version (its status is damaged)"}},
		"whose clone is not there": {
			`{"schema":0,"task":"reviews-v9","clone":"reviews-v9"}`,
			told{"reviews-v9", "reviews-v9", "reviews-v1", "running, not readable by this version (schema 0)"},
		},
	} {
		_, err := release.Claim(map[string]string{intent.AnnotationStatus: test.status}, "uid-reviews")
		u := release.UnreadableOf(err)
		if u == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		u = u.Among([]release.Workload{strange, other, workload("reviews-v1"), clone}, service("reviews", "app=reviews"))
		if got := (told{u.Task, u.Clone, u.Original.Name, u.Sentence()}); got != test.want {
			t.Errorf("%s: got  %+v\nwant %+v", name, got, test.want)
		}
	}
	if release.UnreadableOf(nil) != nil {
		t.Error("no error is an unreadable claim")
	}
}
