package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// mirrored: nobody is answered by the grayscale version, which gets copies of
// the share that is asked for, counted by Envoy itself.
func mirrored(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	front, mesh := spec(t, w.get(virtualServices, "front")), spec(t, w.get(virtualServices, "reviews"))
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2", "mirror=25")
	tr.phase("mirrored", only("v1"))
	w.untilDelivered()
	tr.seen(30)
	before, sent := w.copies(), tr.Now().Total().Requests
	tr.seen(600)
	copies, requests := w.copies()-before, tr.Now().Total().Requests-sent
	if !load.Within(0.25, requests, copies, sigmas+1) { // a few are under way at either end
		t.Errorf("%d of about %d requests were copied, want 25 %%", copies, requests)
	}
	w.annotate("reviews-v1", "mirror-", "weight=50")
	tr.phase("to 50 %", only("v1", "v2"))
	w.untilLive("50")
	tr.seen(30)
	before = w.copies()
	tr.phase("50 %", split("v1", "v2", 50))
	tr.seen(200)
	if more := w.copies() - before; more != 0 {
		t.Errorf("%d requests were copied although no mirror is asked for", more)
	}
	w.cancels(tr, "first", "v2")
	w.sameRoutes(front, mesh)
	w.clean()
}

// copies counts the requests that both proxies sent to the mirror's subset.
func (w *world) copies() int {
	w.t.Helper()
	return w.upstreamRequests("grayscale-mirror")
}

// upstreamRequests counts the requests that both proxies sent to the clusters of
// the namespace with that word in their name.
func (w *world) upstreamRequests(word string) int {
	w.t.Helper()
	total := 0
	for _, admin := range []string{os.Getenv("ENVOY_GATEWAY_ADMIN"), os.Getenv("ENVOY_SIDECAR_ADMIN")} {
		_, err := fetch(admin+"/stats?filter="+word+".*upstream_rq_total", func(line string) {
			name, value, _ := strings.Cut(line, ": ")
			if n, err := strconv.Atoi(value); err == nil && strings.Contains(name, "."+w.namespace+".") && strings.HasSuffix(name, "upstream_rq_total") {
				total += n
			}
		})
		if err != nil {
			w.t.Fatal(fmt.Errorf("reading Envoy's counters: %w", err))
		}
	}
	return total
}
