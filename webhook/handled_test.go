package webhook

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gomodules.xyz/jsonpatch/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// TestAWayPastTheRoutesIsRefused: what only the mesh can say counts at the start of a
// release, whoever asks.
func TestAWayPastTheRoutesIsRefused(t *testing.T) {
	const ingress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: door, namespace: shop}
spec: {defaultBackend: {service: {name: reviews, port: {number: 80}}}}
`
	const scaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaler, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: reviews-v1}}
`
	const delegated = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: shop}
spec: {hosts: [reviews], http: [{name: rest, delegate: {name: part}, match: [{uri: {prefix: /a}, ignoreUriCase: true}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part, namespace: shop}
spec: {http: [{name: some, route: [{destination: {host: reviews}}]}]}
`
	more := func(pairs string) string { return strings.Replace(asks, "{", "{"+pairs+",", 1) }
	for name, c := range map[string]struct {
		objects, asks string
		says          string // empty: it is admitted
	}{
		"nothing":                 {shop, asks, ""},
		"an Ingress":              {shop + "---" + ingress, asks, "Ingress shop/door"},
		"the end, and a scaler":   {shop + "---" + scaler, more(`"grayscale.dev/traffic":"grayscale","grayscale.dev/end":"finish"`), "HorizontalPodAutoscaler scaler"},
		"rules that a root drops": {shop + "---" + delegated, more(`"grayscale.dev/match":"[{headers: {team: {exact: b}}}]"`), "shop/root"},
	} {
		h := deciding(t, &permits{allowed: []string{whole}})
		h.mesh.live = snapshot.Files(documents(t, c.objects))
		answer := h.Handle(t.Context(), request(fmt.Sprintf(original, c.asks), fmt.Sprintf(original, "{}")))
		if answer.Allowed != (c.says == "") || c.says != "" && !strings.Contains(answer.Result.Message, c.says) {
			t.Errorf("%s: %+v", name, answer.Result)
		}
	}
}

// TestTheCloneIsLabelled as its claim says, when the controller makes it, and nobody
// else's Deployment is.
func TestTheCloneIsLabelled(t *testing.T) {
	_, objects := guarding(t)
	h := &mutateDeployment{read: reader{live: snapshot.Files(objects)}, decoder: admission.NewDecoder(runtime.NewScheme()), controller: controller}
	const clone = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"reviews-v2","namespace":"shop","labels":{"grayscale.dev/task":"reviews-v2"}},
"spec":{"replicas":1,"selector":{"matchLabels":{"app":"reviews"}},"template":{"metadata":{"labels":{"app":"reviews","version":"v1"}},"spec":{"containers":[]}}}}`
	for user, labelled := range map[string]bool{controller: true, "jane": false} {
		req := request(clone, "")
		req.UserInfo.Username = user
		answer := h.Handle(t.Context(), req)
		selects := slices.ContainsFunc(answer.Patches, func(o jsonpatch.Operation) bool { return strings.HasPrefix(o.Path, "/spec/selector/matchLabels") })
		if !answer.Allowed || selects != labelled {
			t.Errorf("made by %s: %+v, patches %v", user, answer.Result, answer.Patches)
		}
	}
}

// TestRoutesOfOursAreInTheWrite that would drop them.
func TestRoutesOfOursAreInTheWrite(t *testing.T) {
	const (
		vs    = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"reviews","namespace":"shop"},"spec":{"hosts":["reviews"],"http":[%s{"route":[{"destination":{"host":"reviews"}}]}]}}`
		split = `{"route":[{"destination":{"host":"reviews","subset":"grayscale-original"},"weight":7500},{"destination":{"host":"reviews","subset":"grayscale-version"},"weight":2500}]},`
	)
	_, objects := guarding(t)
	all := snapshot.Files(objects)
	h := &mutateVirtualService{decoder: admission.NewDecoder(runtime.NewScheme()), mesh: mesh{live: all, cached: all, settings: plan.Defaults}}
	for name, c := range map[string]struct {
		was, is string
		back    bool
	}{
		"dropped":    {split, "", true},
		"kept":       {split, split, false},
		"never were": {"", "", false},
	} {
		answer := h.Handle(t.Context(), request(fmt.Sprintf(vs, c.is), fmt.Sprintf(vs, c.was)))
		if !answer.Allowed || len(answer.Patches) > 0 != c.back {
			t.Errorf("%s: %+v, patches %v, warnings %q", name, answer.Result, answer.Patches, answer.Warnings)
		}
	}
}
