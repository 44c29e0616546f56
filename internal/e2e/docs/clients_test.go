package docs

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// sigmas is how many standard deviations a share may be away.
const sigmas = 5

// clients send to the app all the while: users without a cookie and insiders
// with one, each through the gateway and through a sidecar.
type clients struct {
	*load.Load
	w     *world
	wants map[string]func(target string) answers
	turns int
}

// answers are what the requests of one target may be answered by.
type answers struct {
	versions []string
	version  string // whose share is judged; empty: none is
	share    float64
}

const (
	user    = "user by "
	insider = "insider by "
	gateway = "gateway"
	sidecar = "sidecar"
)

func (w *world) startClients() *clients {
	w.t.Helper()
	var targets []load.Target
	for _, who := range []string{user, insider} {
		header := http.Header{}
		if who == insider {
			header.Set("Cookie", "theme=dark; User=Internal")
		}
		targets = append(targets,
			load.Target{Name: who + gateway, URL: os.Getenv("GATEWAY_URL") + "/", Host: w.namespace + ".test", Header: header, Workers: 2, Rate: 20},
			load.Target{Name: who + sidecar, URL: "http://reviews." + w.namespace + ":9080/", Proxy: os.Getenv("MESH_PROXY"), Header: header, Workers: 2, Rate: 20},
		)
	}
	c := &clients{Load: load.Start(w.ctx, targets...), w: w, wants: map[string]func(string) answers{}}
	w.t.Cleanup(func() { c.Stop() })
	// Before every proxy knows the way, answers mean nothing.
	w.eventually("every client answered by v1", func() (bool, string) {
		now := c.Now()
		total := now.Total()
		if total.Failed > 0 || total.Versions["v1"] != total.Requests {
			c.Phase("start")
			return false, fmt.Sprintf("%+v", total)
		}
		return leastOf(now) >= 10, fmt.Sprintf("%+v", total)
	})
	c.begin("before", anyOf("v1"))
	return c
}

// anyOf wants answers of these versions from everybody's requests.
func anyOf(versions ...string) func(string) answers {
	return func(string) answers { return answers{versions: versions} }
}

// begin begins a phase in which no request may fail, and the answers must be
// those.
func (c *clients) begin(name string, wants func(target string) answers) {
	c.turns++
	name = fmt.Sprintf("%d %s", c.turns, name)
	c.wants[name] = wants
	c.Phase(name)
}

// onTheWay are the answers that are right while a share moves.
func (e expectation) onTheWay() func(string) answers { return anyOf("v1", e.grayscale()) }

func (e expectation) grayscale() string {
	if e.version == "" {
		return "v2"
	}
	return e.version
}

// inTheEnd are the answers once the proxies have what is asked.
func (e expectation) inTheEnd(target string) answers {
	share := e.weight
	if e.insiders && (target == insider+gateway || target == insider+sidecar) {
		share = 100
	}
	switch share {
	case 0:
		return answers{versions: []string{"v1"}}
	case 100:
		return answers{versions: []string{e.grayscale()}}
	}
	return answers{versions: []string{"v1", e.grayscale()}, version: e.grayscale(), share: share / 100}
}

// settle waits until the answers are as expected, as the proxies lag a moment
// behind what is delivered, and from then on they must be.
func (c *clients) settle(e expectation) {
	c.w.t.Helper()
	c.begin("settling", e.onTheWay())
	c.w.eventually("the answers that are expected", func() (bool, string) {
		now := c.Now()
		for name, counts := range now.Targets {
			for version := range counts.Versions {
				if !slices.Contains(e.inTheEnd(name).versions, version) {
					c.begin("settling", e.onTheWay())
					return false, fmt.Sprintf("%s: %+v", name, counts)
				}
			}
		}
		return leastOf(now) >= 15, fmt.Sprintf("%+v", now)
	})
	c.begin("settled", e.inTheEnd)
	c.seen(100)
}

// seen waits until that many requests of every target began in this phase.
func (c *clients) seen(n int) {
	c.w.t.Helper()
	c.w.eventually(fmt.Sprintf("%d requests by every way", n), func() (bool, string) {
		now := c.Now()
		return leastOf(now) >= n, fmt.Sprintf("%+v", now)
	})
}

// sent is how many requests began in this phase.
func (c *clients) sent() int { return c.Now().Total().Requests }

func leastOf(p load.Phase) int {
	least := -1
	for _, counts := range p.Targets {
		if least < 0 || counts.Requests < least {
			least = counts.Requests
		}
	}
	return max(least, 0)
}

// judge stops the clients and fails the test for every wrong answer.
func (c *clients) judge() {
	c.w.t.Helper()
	for _, p := range c.Stop().Phases {
		wants, ok := c.wants[p.Name]
		if !ok {
			continue // before every proxy knew the way
		}
		for name, counts := range p.Targets {
			want := wants(name)
			if counts.Failed > 0 {
				c.w.t.Errorf("phase %s, %s: %d of %d requests failed: %v", p.Name, name, counts.Failed, counts.Requests, counts.Failures)
			}
			for version, n := range counts.Versions {
				if !slices.Contains(want.versions, version) {
					c.w.t.Errorf("phase %s, %s: %d of %d answers are of %s, want only %v", p.Name, name, n, counts.Requests, version, want.versions)
				}
			}
			if want.version != "" && !load.Within(want.share, counts.Requests, counts.Versions[want.version], sigmas) {
				c.w.t.Errorf("phase %s, %s: %d of %d answers are of %s, want %g %%", p.Name, name, counts.Versions[want.version], counts.Requests, want.version, 100*want.share)
			}
		}
	}
}

// answer gives the version that answers one request, by the sidecar.
func (w *world) answer(s sample) string {
	w.t.Helper()
	proxy, err := url.Parse(os.Getenv("MESH_PROXY"))
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "http://reviews."+w.namespace+":9080/"+s.query, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range s.headers {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("a request with %v is answered with %s", s, res.Status)
	}
	return res.Header.Get("x-version")
}
