package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers like a pod of version v1.
func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

func pod(version, rest string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-version", version)
		// The client may be gone.
		_, _ = fmt.Fprintf(w, `{"version":%q%s}`, version, rest)
	}
}

// until polls the current phase.
func until(t *testing.T, l *Load, want func(Phase) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !want(l.Now()) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not seen in 10 s: %+v", l.Now())
		}
	}
}

func TestARequestCountsToThePhaseInWhichItBegan(t *testing.T) {
	var held atomic.Bool
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if held.CompareAndSwap(true, false) {
			arrived <- struct{}{}
			<-release
		}
		pod("v1", "")(w, r)
	})
	l := Start(t.Context(), Target{Name: "only", URL: url})
	until(t, l, func(p Phase) bool { return p.Targets["only"].Versions["v1"] > 10 })
	held.Store(true)
	<-arrived
	before := l.Now().Targets["only"].Requests
	l.Phase("second")
	close(release)
	until(t, l, func(p Phase) bool { return p.Name == "second" && p.Targets["only"].Requests > 10 })
	r := l.Stop()
	if got := r.Phases[0].Targets["only"].Requests; got != before+1 {
		t.Errorf("phase start has %d requests, want %d and the one under way", got, before)
	}
	if total := r.Total(); total.Failed != 0 || total.Requests != total.Versions["v1"] {
		t.Errorf("total: %+v", total)
	}
}

func TestEveryWrongAnswerIsAFailureInWords(t *testing.T) {
	cases := map[string]struct {
		answer   http.HandlerFunc
		upstream bool
		want     string
	}{
		"status": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
		}, false, "503 Service Unavailable"},
		"no version": {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "{}") }, false, "without header x-version"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-version", "v1")
			_, _ = fmt.Fprint(w, "{")
		}, false, "not JSON"},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = fmt.Fprint(w, "{}")
		}, false, "unexpected EOF"},
		"redirect":    {http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, false, "302 Found"},
		"no upstream": {pod("v1", ""), true, "called nobody"},
		"upstream":    {pod("v1", `,"upstream":{"status":404,"body":{}}`), true, "status 404"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := Start(t.Context(), Target{Name: "only", URL: serve(t, c.answer), Upstream: c.upstream})
			until(t, l, func(p Phase) bool { return p.Targets["only"].Failed > 1 })
			total := l.Stop().Total()
			if total.Failed != total.Requests || len(total.Failures) == 0 || !strings.Contains(total.Failures[0], c.want) {
				t.Errorf("%+v, want only failures with %q", total, c.want)
			}
		})
	}
}

func TestTheLastVersionOfAChainIsCounted(t *testing.T) {
	url := serve(t, pod("front", `,"upstream":{"status":200,"body":{"version":"v2","upstream":{"status":200,"body":{"version":"v3"}}}}`))
	l := Start(t.Context(), Target{Name: "only", URL: url, Upstream: true})
	until(t, l, func(p Phase) bool { return p.Targets["only"].Requests > 0 })
	if total := l.Stop().Total(); total.Versions["v3"] != total.Requests || total.Failed != 0 {
		t.Errorf("%+v, want v3 only", total)
	}
}

func TestRateHostHeaderAndProxy(t *testing.T) {
	var asked atomic.Pointer[http.Request]
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Store(r); pod("v1", "")(w, r) })
	began := time.Now()
	l := Start(t.Context(), Target{Name: "only", URL: "http://reviews.shop:9080/x", Proxy: proxy, Host: "shop.test", Header: http.Header{"end-user": {"jason"}}, Workers: 4, Rate: 200})
	until(t, l, func(p Phase) bool { return p.Targets["only"].Requests >= 100 })
	total, took := l.Stop().Total(), time.Since(began)
	if expected := 200 * took.Seconds(); float64(total.Requests) > expected+8 {
		t.Errorf("%d requests in %s, want about 200 a second", total.Requests, took)
	}
	r := asked.Load()
	if r.Host != "shop.test" || r.RequestURI != "http://reviews.shop:9080/x" && r.RequestURI != "http://shop.test/x" || r.Header.Get("end-user") != "jason" {
		t.Errorf("the proxy was asked for %s, host %s, headers %v", r.RequestURI, r.Host, r.Header)
	}
}

func TestATargetThatIsNoneFails(t *testing.T) {
	l := Start(t.Context(), Target{Name: "only", URL: "http://a b"}, Target{Name: "proxy", URL: "http://a", Proxy: "::"})
	until(t, l, func(p Phase) bool { return p.Targets["only"].Failed > 0 && p.Targets["proxy"].Failed > 0 })
	if total := l.Stop().Total(); total.Failed != total.Requests {
		t.Errorf("%+v, want only failures", total)
	}
}

// TestDo: what is no HTTP is counted like any other request.
func TestDo(t *testing.T) {
	asked := 0
	l := Start(t.Context(), Target{Name: "lines", Rate: 500, Do: func(context.Context) (string, error) {
		if asked++; asked%2 == 0 {
			return "", errors.New("nobody greets")
		}
		return "v1", nil
	}})
	until(t, l, func(p Phase) bool { return p.Total().Requests >= 10 })
	total := l.Stop().Total()
	if total.Failed != total.Requests/2 || total.Versions["v1"] != total.Requests-total.Failed || len(total.Failures) != 1 {
		t.Errorf("%+v, want every second one failed", total)
	}
}
