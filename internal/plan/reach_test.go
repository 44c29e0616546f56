package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// fronts are that many VirtualServices of another namespace, all with routes to the
// Service.
func fronts(t *testing.T, many int) (out []*unstructured.Unstructured) {
	t.Helper()
	for n := range many {
		out = append(out, parse(t, strings.Replace(gatewayRoute, "name: front", fmt.Sprintf("name: front-%d", n), 1))...)
	}
	return out
}

// TestAsManyRoutesAsThereIsRoomFor take part to the end; with one more, a release
// is refused at its start, for the status could not say which ones its requester
// was asked for.
func TestAsManyRoutesAsThereIsRoomFor(t *testing.T) {
	c := newCluster(t, reviews)
	for _, vs := range fronts(t, release.MostReach) {
		c.put(vs)
	}
	asks("traffic=grayscale")(c)
	c.settle()
	if c.phase() != release.TakenOver {
		c.fail("the release is %q", c.phase())
	}

	refused := refusals(plainService(), func(s *plan.Snapshot) { s.VirtualServices = fronts(t, release.MostReach+1) })
	if got, want := strings.Join(refused, "\n"), "Service shop/reviews has routes in 97 VirtualServices of other namespaces"; !strings.Contains(got, want) {
		t.Errorf("refused with %q, want %q", got, want)
	}
	if refused := refusals(plainService(), func(s *plan.Snapshot) { s.VirtualServices = fronts(t, release.MostReach) }); len(refused) > 0 {
		t.Errorf("as many as there is room for: %q", refused)
	}
}
