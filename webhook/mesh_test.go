package webhook

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// TestAPolicyThatMovesTooManyRoutes is refused while its release runs, too; what
// asks for no other routes, as a cancel, is not.
func TestAPolicyThatMovesTooManyRoutes(t *testing.T) {
	s := plan.Snapshot{Key: types.NamespacedName{Namespace: "shop", Name: "reviews"}, Settings: plan.Defaults}
	for n := range release.MostReach + 1 {
		s.VirtualServices = append(s.VirtualServices, documents(t, fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front-%d, namespace: edge}
spec: {hosts: [front.example.com], http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}]}]}
`, n))...)
	}
	for routes, want := range map[bool]string{true: "has routes in 97 VirtualServices of other namespaces", false: ""} {
		if got := refusals(s, decide.Question{Service: s.Key, Mesh: true, Routes: routes}).Error(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("routes asked for: %v: %q, want %q", routes, got, want)
		}
	}
}
