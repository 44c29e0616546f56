package selftest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// load is a number of clients that send requests one after the other.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	begun  time.Time

	mu       sync.Mutex
	versions map[string]int
	failures map[string]int
}

// gatewayRequest and sidecarRequest are how clients reach a Service.
func gatewayRequest(t *testing.T, host string) func() (*http.Request, error) {
	t.Helper()
	target := os.Getenv("GATEWAY_URL") + "/"
	return func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodGet, target, nil)
		if err == nil {
			r.Host = host
		}
		return r, err
	}
}

func sidecarRequest(service string) func() (*http.Request, error) {
	return func() (*http.Request, error) { return http.NewRequest(http.MethodGet, "http://"+service+"/", nil) }
}

// meshClient sends by the mesh proxy, plainClient straight.
func meshClient(t *testing.T) *http.Client {
	t.Helper()
	proxy, err := url.Parse(os.Getenv("MESH_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), MaxIdleConnsPerHost: 64}}
}

func plainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

func startLoad() *load {
	return &load{begun: time.Now(), versions: map[string]int{}, failures: map[string]int{}}
}

// add adds clients to the load, until stop.
func (l *load) add(t *testing.T, clients int, client *http.Client, request func() (*http.Request, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	previous := l.cancel
	l.cancel = func() {
		cancel()
		if previous != nil {
			previous()
		}
	}
	for range clients {
		l.done.Go(func() {
			for ctx.Err() == nil {
				l.one(client, request)
			}
		})
	}
}

func (l *load) one(client *http.Client, request func() (*http.Request, error)) {
	version, err := send(client, request)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures[err.Error()]++
		return
	}
	l.versions[version]++
}

func send(client *http.Client, request func() (*http.Request, error)) (string, error) {
	r, err := request()
	if err != nil {
		return "", err
	}
	res, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %.200s", res.Status, body)
	}
	return res.Header.Get("x-version"), nil
}

// reset forgets what was counted, but not the failures.
func (l *load) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.versions)
}

func (l *load) count() (total int, versions map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	versions = map[string]int{}
	for v, n := range l.versions {
		versions[v] = n
		total += n
	}
	return total, versions
}

// stop ends the load and fails the test for every request that failed.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	for failure, n := range l.failures {
		t.Errorf("%d requests failed: %s", n, failure)
	}
}
