package e2e

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// with gives a target that sends headers besides, under another name.
func with(t load.Target, name string, header http.Header) load.Target {
	t.Name, t.Header = name, header
	return t
}

// byContent: the requests of insiders, told by a cookie among others, go to the
// grayscale version and nobody else's; then a share of the others, too; then
// other rules, a browser or a query, in place of the cookie.
func byContent(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	insider := http.Header{"Cookie": {`theme=dark; User="Internal"; MyUser=Other`}}
	stranger := http.Header{"Cookie": {"MyUser=Internal; user=Internal"}}
	firefox := http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}}
	beta := throughGateway(w.namespace)
	beta.URL += "api?a=b&beta=1"
	targets := []load.Target{
		with(throughGateway(w.namespace), "gateway insider", insider), with(throughSidecar(w.namespace, "reviews"), "sidecar insider", insider),
		with(throughGateway(w.namespace), "gateway stranger", stranger), with(throughSidecar(w.namespace, "reviews"), "sidecar stranger", stranger),
		with(throughSidecar(w.namespace, "reviews"), "jason", http.Header{"End-User": {"jason"}, "Cookie": {`User="Internal"`}}),
		with(throughGateway(w.namespace), "firefox", firefox), with(beta, "beta", nil),
	}
	for n := range targets {
		targets[n].Rate, targets[n].Workers = 30, 1
	}
	tr := w.trafficTo("v1", targets...)
	insiders := []string{"gateway insider", "sidecar insider", "jason"}
	others := []string{"firefox", "beta"}

	w.annotate("reviews-v1", "release=first", "image=v2")
	w.untilPhase(release.Ready)
	tr.phase("rule on its way", only("v1", "v2"))
	w.annotate("reviews-v1", `match=[{cookie: {name: User, exact: '"Internal"'}}]`)
	w.untilDelivered()
	tr.more(20)
	tr.phase("rule alone", only("v1").but(only("v2"), insiders...))
	tr.seen(150)

	tr.phase("rule and weight on their way", only("v1", "v2").but(only("v2"), insiders...))
	w.annotate("reviews-v1", "weight=30")
	w.untilLive("30")
	tr.more(20)
	tr.phase("rule and weight", split("v1", "v2", 30).but(only("v2"), insiders...))
	tr.seen(200)

	tr.phase("other rules on their way", only("v1", "v2"))
	w.annotate("reviews-v1", "weight=0", `match=[{browser: [Firefox], os: [Linux]}, {query: {beta: {exact: "1"}}}]`)
	w.untilDelivered()
	tr.more(20)
	tr.phase("other rules", only("v1").but(only("v2"), others...))
	tr.seen(100)

	w.cancels(tr, "first", "v2")
	tr.seen(20)
	w.sameRoutes(front, mesh)
	w.clean()
}

// untilDelivered waits until every route is what the annotations ask for.
func (w *world) untilDelivered() *release.Status {
	w.t.Helper()
	return w.until("the policy delivered", func(s *release.Status) bool {
		i, faults := intent.Parse(w.get(deployments, s.Original.Name).GetAnnotations())
		if err := faults.Err(); err != nil {
			w.t.Fatal(err)
		}
		asked, live := i.Asked(), release.Live{}
		if s.Live != nil {
			live = *s.Live
		}
		return live.Weight == asked.Weight && live.Most == asked.Weight && live.Mirror == asked.Mirror && reflect.DeepEqual(live.Match, asked.Match)
	})
}
