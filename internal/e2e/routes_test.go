package e2e

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// richRoutes have all that an HTTP route can have; ratings and shadow are other
// Services.
const richRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rich}
spec:
  hosts: [$NS.test, reviews.$NS.svc.cluster.local]
  gateways: [front, mesh]
  http:
  - {name: moved, match: [{uri: {prefix: /moved}}], redirect: {uri: /elsewhere, redirectCode: 302}}
  - {name: direct, match: [{uri: {exact: /direct}}], directResponse: {status: 418, body: {string: "teapot"}}}
  - name: fault
    match: [{uri: {prefix: /fault}}]
    fault: {abort: {httpStatus: 451, percentage: {value: 100}}}
    route: [{destination: {host: reviews}}]
  - name: delay
    match: [{uri: {prefix: /delay}, method: {exact: GET}}]
    fault: {delay: {fixedDelay: 0.02s, percentage: {value: 100}}}
    route: [{destination: {host: reviews}}]
  - name: rewrite
    match: [{uri: {prefix: /old}}, {uri: {regex: "/older/.+"}, queryParams: {a: {exact: b}}}]
    rewrite: {uri: /new, authority: rewritten.example}
    headers: {request: {set: {x-set: "1"}, remove: [x-removed]}, response: {add: {x-added: "2"}}}
    route:
    - {destination: {host: reviews, port: {number: 9080}}, headers: {response: {add: {x-destination: "3"}}}}
  - name: cors
    match: [{uri: {prefix: /cors}}]
    corsPolicy: {allowOrigins: [{exact: "https://shop.example"}], allowMethods: [GET], exposeHeaders: [x-version]}
    retries: {attempts: 2, perTryTimeout: 2s, retryOn: "5xx"}
    route: [{destination: {host: reviews}}]
  - name: shared
    match: [{uri: {prefix: /shared}}]
    route:
    - {destination: {host: reviews}, weight: 50}
    - {destination: {host: ratings}, weight: 50}
  - name: mirrored
    match: [{uri: {prefix: /mirrored}}]
    mirror: {host: shadow}
    mirrorPercentage: {value: 100}
    route: [{destination: {host: reviews}}]
  - {name: ratings, match: [{uri: {prefix: /ratings}}], route: [{destination: {host: ratings}}]}
  - {name: rest, timeout: 10s, route: [{destination: {host: reviews.$NS.svc.cluster.local}}]}
`

// askedFor are requests whose answers tell all that the routes do.
var askedFor = []struct {
	path   string
	header http.Header
}{
	{path: "moved/x"}, {path: "direct"}, {path: "fault"}, {path: "delay"}, {path: "old/x"}, {path: "older/x?a=b"}, {path: "older/x?a=c"},
	{path: "old", header: http.Header{"X-Removed": {"yes"}, "X-Beta": {"yes"}}},
	{path: "cors", header: http.Header{"Origin": {"https://shop.example"}}}, {path: "cors", header: http.Header{"Origin": {"https://other.example"}}},
	{path: "mirrored"}, {path: "ratings"}, {path: "rest"},
}

// allThatRoutesDo: redirects, direct responses, faults, rewrites, headers, CORS,
// retries, mirrors and shares of the user's are in force for each version and in
// each step, by weight, by content and by mirror.
func allThatRoutesDo(t *testing.T) {
	w := newWorld(t)
	w.apply(
		makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML(),
		makeService("ratings", "ratings"), makeDeployment("ratings-w1").App("ratings").Version("w1").YAML(),
		makeService("shadow", "ratings"), gateway, richRoutes,
	)
	w.rolledOut("reviews-v1", "ratings-w1")
	before := w.routeSpecs()
	shared, ratings := w.ways("shared", 40), w.ways("ratings", 10)
	everybody := w.trafficTo("v1", append(w.ways("older/x?a=b", 30), w.ways("rest", 30)...)...)
	beta := w.trafficTo("v1", withHeader(w.ways("mirrored", 20), http.Header{"X-Beta": {"yes"}})...)
	half, others := w.trafficTo("", shared...), w.trafficTo("w1", ratings...)
	half.phase("before", split("v1", "w1", 50))
	answers := w.answers()
	same := func(when string) {
		t.Helper()
		if now := w.answers(); !reflect.DeepEqual(now, answers) {
			t.Errorf("%s: the answers are\n%v\nand were\n%v", when, now, answers)
		}
		w.copied("shadow") // by the user's mirror
	}

	w.annotate("reviews-v1", "release=first", "image=v2", "mirror=100")
	w.untilDelivered()
	everybody.more(30)
	same("mirrored")
	w.copied("grayscale-mirror")

	everybody.phase("to 20 %", only("v1", "v2"))
	beta.phase("to 20 %", only("v1", "v2"))
	half.phase("to 20 %", only("v1", "v2", "w1"))
	w.annotate("reviews-v1", "mirror-", "weight=20", "match=[{headers: {x-beta: {exact: \"yes\"}}}]")
	w.untilDelivered()
	everybody.more(30)
	everybody.phase("20 %", split("v1", "v2", 20))
	beta.phase("20 %", only("v2"))
	half.phase("20 %", want{versions: []string{"v1", "v2", "w1"}, version: "v2", share: 0.1})
	half.seen(200)
	same("20 %")

	everybody.phase("to all", only("v1", "v2"))
	half.phase("to all", only("v1", "v2", "w1"))
	w.annotate("reviews-v1", "traffic=grayscale")
	w.untilPhase(release.TakenOver)
	everybody.settles("settling", "v1", "v2")
	everybody.phase("taken over", only("v2"))
	half.phase("taken over", split("w1", "v2", 50))
	same("taken over")
	w.annotate("reviews-v1", "end=finish")
	w.untilEnded("reviews", "first", release.Finished)
	half.seen(100)
	others.seen(50)
	same("finished")
	if after := w.routeSpecs(); after != before {
		t.Errorf("the user's routes are\n%s\nand were\n%s", after, before)
	}
	w.clean()
}

// ways are both ways to a path, at that rate.
func (w *world) ways(path string, rate int) []load.Target {
	out := []load.Target{throughGateway(w.namespace), throughSidecar(w.namespace, "reviews")}
	for n := range out {
		out[n].Name += " " + path
		out[n].URL += path
		out[n].Rate, out[n].Workers = rate, 1
	}
	return out
}

func withHeader(targets []load.Target, header http.Header) []load.Target {
	for n := range targets {
		targets[n] = with(targets[n], targets[n].Name, header)
	}
	return targets
}

// copied waits until the proxies send to that cluster: what nobody asks for by
// its name is copied there.
func (w *world) copied(cluster string) {
	w.t.Helper()
	before := w.upstreamRequests(cluster)
	w.eventually("copies to "+cluster, func() (bool, string) { return w.upstreamRequests(cluster) > before, "none" })
}

// answers are what askedFor is answered by both ways, as sentences, without what
// differs from answer to answer or between the versions.
func (w *world) answers() []string {
	w.t.Helper()
	var out []string
	for _, one := range askedFor {
		for _, way := range w.ways(one.path, 0) {
			way.Header = one.header
			a := w.ask(way)
			out = append(out, fmt.Sprintf("%s %v: %d, location %q, %v, %s", way.Name, one.header, a.status, a.location, a.kept, a.seen))
		}
	}
	return out
}
