package plan_test

import (
	"fmt"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// unreadables are releases whose claim the controller can't read for a while.
var unreadables = []scenario{
	{"unreadable: of another schema, until its own version is back", plain, []step{asks("weight=50", jason), inSchema(0), annotate("end=cancel"), deletes("Deployment shop/reviews-v2"), inSchema(1)}, release.Cancelled},
	{"unreadable: no JSON, and taken away by hand", subset, []step{asks("weight=50"), garbled, annotate("release-", "image-", "version-", "finish-", "weight-"), unclaims}, ""},
	{"unreadable: a copy on a Service made anew", plain, []step{asks("weight=50"), atOnce(inSchema(0), madeAnew)}, ""},
	{"unreadable: the Service is deleted", plain, []step{asks("weight=50"), garbled, deletes("Service shop/reviews")}, ""},
	{"unreadable: beside a release whose Service is deleted", []string{reviews, ratings, bothRoute}, []step{asks("weight=50"), asksRatings("weight=20"), inSchema(0), deletes("Service shop/ratings"), inSchema(1), annotate("end=cancel")}, release.Cancelled},
	{"unreadable: its name is asked for elsewhere", []string{reviews, ratings, bothRoute}, []step{asks("weight=50"), inSchema(0), asksRatings("release=reviews-v2"), inSchema(1), annotate("end=cancel")}, ""},
}

// inSchema makes the claim one of schema 0, or of schema 1 again.
func inSchema(n int) step {
	return func(c *cluster) {
		c.rewriteStatus(fmt.Sprintf("writes the status in schema %d", n), func(s string) string {
			return strings.Replace(s, fmt.Sprintf(`"schema":%d`, 1-n), fmt.Sprintf(`"schema":%d`, n), 1)
		})
	}
}

// garbled leaves nothing of the claim to be read.
func garbled(c *cluster) {
	c.rewriteStatus("cuts the status off", func(s string) string { return s[:len(s)/2] })
}

// unclaims removes the claim.
func unclaims(c *cluster) {
	c.rewriteStatus("removes the status", func(string) string { return "" })
}

// rewriteStatus changes the claim past the guard.
func (c *cluster) rewriteStatus(how string, change func(string) string) {
	c.say("user    %s", how)
	c.judge.meddle()
	u := c.get("Service shop/reviews").DeepCopy()
	annotations := u.GetAnnotations()
	annotations[intent.AnnotationStatus] = change(annotations[intent.AnnotationStatus])
	if annotations[intent.AnnotationStatus] == "" {
		delete(annotations, intent.AnnotationStatus)
	}
	u.SetAnnotations(annotations)
	c.put(u)
}
