package e2e

import (
	"net/http"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// delegatingRoots give a part of their requests to the app's team, from the
// gateway by one delegate and in the mesh by another, and keep the rest.
const delegatingRoots = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front-root}
spec:
  hosts: [$NS.test]
  gateways: [front]
  http:
  - {name: shop, match: [{uri: {prefix: /shop}, headers: {x-tenant: {exact: a}}}], delegate: {name: shop}}
  - {name: rest, route: [{destination: {host: ratings}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mesh-root}
spec:
  hosts: [reviews]
  http:
  - {name: shop, match: [{uri: {prefix: /shop}}], delegate: {name: reviews}}
  - {name: rest, timeout: 10s, route: [{destination: {host: reviews}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  http:
  - {name: list, match: [{uri: {prefix: /shop/list}}], timeout: 9s, route: [{destination: {host: reviews}}]}
  - {name: more, timeout: 10s, route: [{destination: {host: reviews}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  http:
  - {name: all, timeout: 10s, route: [{destination: {host: reviews}}]}
`

// delegated: roots give their requests to delegates, for which copies of ours
// hold as for any route, by weight and by content, under the root's own match.
func delegated(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML(),
		makeService("ratings", "ratings"), makeDeployment("ratings-w1").App("ratings").Version("w1").YAML(), gateway, delegatingRoots)
	w.rolledOut("reviews-v1", "ratings-w1")
	before := w.routeSpecs()
	tenant, insider := http.Header{"X-Tenant": {"a"}}, http.Header{"X-Tenant": {"a"}, "Cookie": {"User=Internal"}}
	targets := append(withHeader(w.ways("shop/list", 40), tenant), withHeader(w.ways("shop/more", 40), tenant)...)
	tr := w.trafficTo("v1", append(targets, with(throughSidecar(w.namespace, "reviews"), "sidecar rest", nil))...)
	inside := w.trafficTo("v1", withHeader(w.ways("shop/inside", 20), insider)...)
	stranger := w.ways("shop/strangers", 20)[:1] // no tenant of ours
	others := w.trafficTo("w1", withHeader(stranger, http.Header{"X-Tenant": {"b"}, "Cookie": {"User=Internal"}})...)

	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.seen(100)
	tr.phase("to 30 %", only("v1", "v2"))
	inside.phase("to 30 %", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=30", "match=[{cookie: {name: User, exact: Internal}}]")
	w.untilDelivered()
	tr.more(30)
	tr.phase("30 %", split("v1", "v2", 30))
	inside.phase("30 %", only("v2"))
	tr.seen(150)
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews-v1", "traffic=grayscale", "end=finish")
	tr.settles("settling", "v1", "v2")
	tr.phase("finishing", only("v2"))
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	others.seen(50)
	if after := w.routeSpecs(); after != before {
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	}
	w.clean()
}

// sharedByTwo is one route to two Services, and more of both.
const sharedByTwo = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: [$NS.test]
  gateways: [front]
  http:
  - name: half
    match: [{uri: {prefix: /half}}]
    timeout: 10s
    route:
    - {destination: {host: reviews}, weight: 1}
    - {destination: {host: ratings}, weight: 1}
  - {name: ratings, match: [{uri: {prefix: /ratings}}], timeout: 10s, route: [{destination: {host: ratings}}]}
  - {name: reviews, timeout: 10s, route: [{destination: {host: reviews}}]}
`

// twoInOneRoute: two releases with rules of their own share a route. Each rule
// moves its own Service's half, in every combination; then one of them ends.
func twoInOneRoute(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML(),
		makeService("ratings", "ratings"), makeDeployment("ratings-w1").App("ratings").Version("w1").YAML(), gateway, sharedByTwo)
	w.rolledOut("reviews-v1", "ratings-w1")
	before := w.routeSpecs()
	a, b := http.Header{"X-A": {"1"}}, http.Header{"X-B": {"1"}}
	both := http.Header{"X-A": {"1"}, "X-B": {"1"}}
	target := func(name, path string, header http.Header) load.Target {
		out := with(throughGateway(w.namespace), name, header)
		out.URL += path
		out.Rate, out.Workers = 40, 1
		return out
	}
	half := w.trafficTo("", target("nobody", "half", nil), target("a", "half", a), target("b", "half", b), target("both", "half", both))
	reviews := w.trafficTo("v1", target("nobody", "", nil), target("a", "", a), target("b", "", b))
	half.phase("before", split("v1", "w1", 50))

	half.phase("on the way", only("v1", "v2", "w1", "w2"))
	reviews.phase("on the way", only("v1").but(only("v1", "v2"), "a"))
	w.annotate("reviews-v1", "release=reviews-v2", "image=v2", "match=[{headers: {x-a: {exact: \"1\"}}}]")
	w.annotate("ratings-w1", "release=ratings-w2", "image=w2", "weight=20", "match=[{headers: {x-b: {exact: \"1\"}}}]")
	w.untilDelivered()
	w.eventually("the other's weight", func() (bool, string) {
		s := w.status("ratings")
		return s != nil && s.Live != nil && s.Live.Weight.String() == "20" && len(s.Live.Match) == 1, describe(s)
	})
	half.more(30)
	shares := want{versions: []string{"v1", "w1", "w2"}, version: "w2", share: 0.1}
	half.phase("rules", shares.but(want{versions: []string{"v2", "w1", "w2"}, version: "w2", share: 0.1}, "a").
		but(split("v1", "w2", 50), "b").but(split("v2", "w2", 50), "both"))
	reviews.phase("rules", only("v1").but(only("v2"), "a"))
	half.seen(200)

	half.phase("one ends", only("v1", "v2", "w1", "w2").but(only("v1", "v2", "w2"), "b", "both"))
	reviews.phase("one ends", only("v1", "v2"))
	w.annotate("reviews-v1", "end=cancel")
	w.untilEnded("reviews", "reviews-v2", release.Cancelled)
	half.more(30)
	half.phase("one is left", shares.but(split("v1", "w2", 50), "b", "both"))
	reviews.phase("one is left", only("v1"))
	half.seen(100)
	half.phase("both end", only("v1", "w1", "w2"))
	w.annotate("ratings-w1", "end=cancel")
	w.eventually("the other's end", func() (bool, string) { return w.status("ratings") == nil, describe(w.status("ratings")) })
	if after := w.routeSpecs(); after != before {
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	}
	w.clean()
}
