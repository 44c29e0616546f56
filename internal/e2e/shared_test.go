package e2e

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// sharedRoutes names two Services in one VirtualService.
const sharedRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: [$NS.test]
  gateways: [front]
  http:
  - name: ratings
    match: [{uri: {prefix: /ratings}}]
    timeout: 10s
    route: [{destination: {host: ratings, port: {number: 9080}}}]
  - name: reviews
    timeout: 10s
    route: [{destination: {host: reviews, port: {number: 9080}}}]
`

// sharedVirtualService: two releases in one VirtualService go their own ways.
func sharedVirtualService(t *testing.T) {
	w := newWorld(t)
	w.shares()
	before := w.routeSpecs()
	toRatings := throughGateway(w.namespace)
	toRatings.URL += "ratings"
	reviews := w.trafficTo("v1", throughGateway(w.namespace))
	ratings := w.trafficTo("w1", []load.Target{toRatings, throughSidecar(w.namespace, "ratings")}...)

	reviews.phase("to 20 %", only("v1", "v2"))
	ratings.phase("to 60 %", only("w1", "w2"))
	w.annotate("reviews-v1", "release=reviews-v2", "image=v2", "weight=20")
	w.annotate("ratings-w1", "release=ratings-w2", "image=w2", "weight=60")
	w.untilLive("20")
	w.eventually("the other's weight", func() (bool, string) {
		s := w.status("ratings")
		return s != nil && s.Live != nil && s.Live.Weight.String() == "60", describe(s)
	})
	reviews.more(30)
	reviews.phase("20 %", split("v1", "v2", 20))
	ratings.phase("60 %", split("w1", "w2", 60))
	reviews.seen(200)

	w.annotate("reviews-v1", "traffic=grayscale", "end=finish")
	reviews.settles("settling", "v1", "v2")
	reviews.phase("finishing", only("v2"))
	w.untilEnded("reviews", "reviews-v2", release.Finished)
	ratings.seen(200) // its share has not moved
	w.annotate("ratings-w1", "end=cancel")
	ratings.settles("back", "w2", "w1")
	ratings.phase("cancelled", only("w1"))
	w.untilEnded("ratings", "ratings-w2", release.Cancelled)
	if after := w.routeSpecs(); after != before {
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	}
	w.clean()
}

// shares makes two Services whose routes stand in one VirtualService.
func (w *world) shares() {
	w.t.Helper()
	w.apply(
		makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML(),
		makeService("ratings", "ratings"), makeDeployment("ratings-w1").App("ratings").Version("w1").YAML(),
		gateway, sharedRoutes,
	)
	w.rolledOut("reviews-v1", "ratings-w1")
}
