package plan_test

import (
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestReapplied lets the user apply all that is theirs again, every second of a
// whole release. With the webhook nothing is excused: no request is lost, and
// none goes past the policy.
func TestReapplied(t *testing.T) {
	for name, test := range map[string]struct {
		world []string
		steps []step
		end   release.Phase
	}{
		"finish: a route without a subset": {plain, shortWay, release.Finished},
		"finish: a gateway and the mesh":   {[]string{reviews, gatewayRoute, plainRoute}, shortWay, release.Finished},
		"finish: a strict subset":          {strict, shortWay, release.Finished},
		"cancel: a route without a subset": {plain, back, release.Cancelled},
		"cancel: a route to subset v1":     {subset, back, release.Cancelled},
		"cancel: a strict subset":          {strict, back, release.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, test.world...)
			c.webhook = true
			for _, do := range test.steps {
				do(c)
				for range 110 {
					c.goOn(time.Second)
					for _, key := range []string{"VirtualService shop/reviews", "VirtualService edge/front", "DestinationRule shop/reviews"} {
						c.userReapplies(key)
					}
				}
			}
			c.theEnd(test.end)
		})
	}
}
