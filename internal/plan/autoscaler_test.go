package plan_test

import (
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestAutoscalersUnread: a running release goes on while nobody knows who scales its
// Deployments. It scales nothing against who may, and finishes once that is known.
func TestAutoscalersUnread(t *testing.T) {
	c := newCluster(t, plain...)
	asks("weight=50")(c)
	c.settle()
	c.unlisted = "ScaledObjects"
	c.scale("shop/reviews-v2", 7)
	c.settle()
	if n := release.WorkloadOf(c.objects["Deployment shop/reviews-v2"]).Replicas; n != 7 {
		t.Errorf("the clone was scaled to %d against whoever gave it 7", n)
	}
	annotate("traffic=original")(c)
	c.settle()
	if s := c.claim(reviewsKey); s.Live == nil || s.Live.Most != 0 || s.Phase != release.Ready {
		t.Errorf("with traffic: original the release is %s, and its routes say %+v", s.Phase, s.Live)
	}
	annotate("traffic=grayscale", "end=finish")(c)
	c.settle()
	s := c.claim(reviewsKey)
	if s == nil || s.Phase != release.TakenOver || !strings.Contains(s.Condition(release.Progressing).Message, "can't list ScaledObjects") {
		t.Fatalf("the finish goes on: %+v", s)
	}
	c.unlisted = ""
	annotate("by=jane")(c) // as the next look would
	c.settle()
	c.theEnd(release.Finished)
}
