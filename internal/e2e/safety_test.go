package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// churned: others edit their own routes all the while, so that istiod is never
// quiet and collects changes as long as it may. A whole release fails nothing.
func churned(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	edits := w.churn()
	tr := w.traffic()
	tr.wholeRelease(halfway{arrived: func() { tr.everywhere("v2") }, seen: 150})
	if n := edits(); n < 30 {
		t.Errorf("the others made %d edits only", n)
	}
	w.kubectl("delete", "virtualservice", "churn")
	w.clean()
}

// churn edits a VirtualService of another host, a few times a second; what it
// gives stops that and counts the edits.
func (w *world) churn() (stop func() int) {
	w.t.Helper()
	w.apply(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: churn}
spec: {hosts: [churn.example.com], http: [{timeout: 1s, route: [{destination: {host: elsewhere.example.com}}]}]}
`)
	edits := 0
	end := every(w, 200*time.Millisecond, func() {
		vs := &unstructured.Unstructured{}
		vs.SetGroupVersionKind(virtualServices)
		vs.SetNamespace(w.namespace)
		vs.SetName("churn")
		patch := fmt.Sprintf(`{"spec":{"http":[{"timeout":"%ds","route":[{"destination":{"host":"elsewhere.example.com"}}]}]}}`, 1+edits%50)
		if err := cluster.Patch(w.ctx, vs, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			w.t.Errorf("editing a VirtualService: %v", err)
			return
		}
		edits++
	})
	return func() int {
		end()
		return edits
	}
}

// noRoutes is somebody's policy that lets nobody but its friends write routes in
// one namespace.
const noRoutes = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: $NS}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [virtualservices]}]}
  validations:
  - expression: "!request.userInfo.username.startsWith('system:serviceaccount:grayscale-system:')"
    message: routes are frozen until the audit is over
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: $NS}
spec:
  policyName: $NS
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}}
`

// routesFrozen: a policy of the cluster's refuses the controller's writes of
// routes for a while. What stood goes on, the status tells why, and once the
// policy is gone the release goes on by itself.
func routesFrozen(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "weight=20")
	tr.phase("to 20 %", only("v1", "v2"))
	w.untilLive("20")
	tr.more(30)
	tr.phase("frozen at 20 %", split("v1", "v2", 20))
	w.apply(noRoutes)
	t.Cleanup(func() { w.thaw() })
	w.eventually("the policy to be in force", func() (bool, string) {
		out, err := w.try(routed("{route: [{destination: {host: elsewhere.example.com}}]}"), "create", "--dry-run=server", "--as", controllerUser, "-f", "-")
		return err != nil && strings.Contains(out, "frozen"), out
	})
	w.annotate("reviews-v1", "weight=60")
	s := w.until("a word of the refusal", func(s *release.Status) bool { return degradedFor(s, release.ReasonRefused) })
	if m := s.Condition(release.Degraded).Message; !strings.Contains(m, "routes are frozen until the audit is over") || !strings.Contains(m, w.namespace+"/") {
		t.Errorf("the status does not say what is refused and why: %s", m)
	}
	tr.seen(100)
	tr.phase("thawed", only("v1", "v2"))
	w.thaw()
	w.untilLive("60")
	w.until("all is well", func(s *release.Status) bool { return !s.Is(release.Degraded) })
	tr.more(30)
	tr.phase("60 %", split("v1", "v2", 60))
	tr.seen(100)
	w.cancels(tr, "first", "v2")
	w.clean()
}

// thaw takes the policy away, the binding first.
func (w *world) thaw() {
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion("admissionregistration.k8s.io/v1")
		u.SetKind(kind)
		u.SetName(w.namespace)
		if err := cluster.Delete(context.WithoutCancel(w.ctx), u); client.IgnoreNotFound(err) != nil {
			w.t.Errorf("deleting %s %s: %v", kind, w.namespace, err)
		}
	}
}
