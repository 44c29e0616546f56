package plan_test

import (
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestATenantHoldsNoEnd: whoever writes a route of ours anew in his namespace, again
// and again, keeps no cancel from its end.
func TestATenantHoldsNoEnd(t *testing.T) {
	c := newCluster(t, reviews, plainRoute)
	asks("weight=50")(c)
	c.settle()
	cancelledTo(release.StepStripped)(c)
	for n := 0; c.phase() != ""; n++ {
		if n == 10 {
			c.fail("after %d routes of the tenant's the release is %s", n, c.phase())
		}
		c.judge.meddle()
		c.judge.ruleless = true // his callers get 503
		c.put(parse(t, deadRoute)[0])
		c.goOn(10 * time.Second)
	}
}
