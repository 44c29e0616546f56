package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// loser is a Deployment under Service reviews without pods, which asks for a
// release; by its name it comes after reviews-v1.
func loser(t tester, n int) *unstructured.Unstructured {
	t.Helper()
	u := parse(t, strings.Replace(another(fmt.Sprintf("w%04d", n)), "replicas: 4", "replicas: 0", 1))[0]
	u.SetUID(types.UID(fmt.Sprint("uid-", u.GetName())))
	u.SetAnnotations(map[string]string{
		intent.KeyRelease: fmt.Sprintf("late-%04d", n), intent.KeyImage: "5.0", intent.KeyVersion: fmt.Sprintf("x%04d", n), intent.KeyFinish: string(intent.Replace),
	})
	return u
}

// TestManyLosers: of a hundred and fifty others that ask at once each is told, once,
// that it has lost, and none starts by itself later, although all still ask and the
// history keeps but a hundred others.
func TestManyLosers(t *testing.T) {
	const losers = 150
	c := newCluster(t, reviews, subsetRoute, subsetRule)
	for n := range losers {
		c.put(loser(t, n))
	}
	for _, do := range []step{asks("weight=5"), annotate("end=cancel"), asks("release=again", "weight=5", "end-"), annotate("end=cancel")} {
		do(c)
		c.settle()
	}
	c.theEnd(release.Cancelled)
	if told := strings.Count(c.transcript(), "Rejected on Deployment"); told != losers {
		c.fail("%d are told that they have lost, want %d", told, losers)
	}
	c.say("user    annotates shop/reviews-w0007 with a name that has not lost")
	d := c.get("Deployment shop/reviews-w0007").DeepCopy()
	d.SetAnnotations(map[string]string{intent.KeyRelease: "fresh", intent.KeyImage: "5.0", intent.KeyVersion: "x7"})
	c.put(d)
	c.settle()
	if s := c.claim(c.services[0]); s == nil || s.Task != "fresh" {
		c.fail("the Service is held by %+v, want release fresh", s)
	}
	golden(t, "race: a hundred and fifty ask at once", c.transcript())
}

// TestMoreLosersThanCanBeRemembered: those that there is no room for are told nothing
// while a release runs; and then none starts, whoever asks, until one that is
// remembered has stopped asking.
func TestMoreLosersThanCanBeRemembered(t *testing.T) {
	c := newCluster(t, reviews, subsetRoute, subsetRule)
	for n := range release.MostStanding + 5 {
		u := loser(t, n)
		c.objects[keyOf(u)] = u
	}
	for _, do := range []step{asks(), annotate("end=cancel")} {
		do(c)
		c.settle()
	}
	if told := strings.Count(c.transcript(), "Rejected on Deployment"); told != release.MostStanding {
		t.Fatalf("%d are told that they have lost, want %d", told, release.MostStanding)
	}
	p := plan.Make(c.snapshot(c.services[0]), c.now)
	if !p.Idle() || len(p.Refused) != 5 || !strings.Contains(p.Refused[0], "1000 Deployments still carry the intent of a release of Service shop/reviews") {
		t.Fatalf("%d are refused, %v is written: %s", len(p.Refused), p.Annotations, strings.Join(p.Refused, "\n"))
	}
	c.userDeletes("Deployment shop/reviews-w0003")
	c.settle()
	if s := c.claim(c.services[0]); s == nil || s.Task != fmt.Sprintf("late-%04d", release.MostStanding) {
		t.Fatalf("the Service is held by %+v, want the first that was not remembered", s)
	}
}
