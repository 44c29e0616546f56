package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// answered is one answer.
type answered struct {
	status   int
	version  string
	location string   // of a redirect
	kept     []string // headers that routes set
	seen     string   // the request as the pod saw it: path, host, headers that routes set
	upstream string   // version of the pod that was called in turn; empty: none was
	client   string   // who asked, by its certificate; empty: nobody knows
}

// keptHeaders are those that the routes of the scenarios set or leave out.
var keptHeaders = []string{"x-added", "x-destination", "x-front", "access-control-allow-origin", "access-control-expose-headers", "x-set", "x-removed"}

// ask sends one request by the way of a target.
func (w *world) ask(target load.Target) answered {
	w.t.Helper()
	a, err := w.tryAsk(target)
	if err != nil {
		w.t.Fatalf("asking by %s: %v", target.Name, err)
	}
	return a
}

func (w *world) tryAsk(target load.Target) (answered, error) {
	request, err := http.NewRequestWithContext(w.ctx, http.MethodGet, target.URL, http.NoBody)
	if err != nil {
		return answered{}, err
	}
	request.Host = target.Host
	for name, values := range target.Header {
		request.Header[name] = values
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if target.Proxy != "" {
		proxy, err := url.Parse(target.Proxy)
		if err != nil {
			return answered{}, err
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	res, err := transport.RoundTrip(request)
	if err != nil {
		return answered{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answered{}, err
	}
	return readAnswer(res, body)
}

func readAnswer(res *http.Response, body []byte) (answered, error) {
	a := answered{status: res.StatusCode, version: res.Header.Get("x-version"), location: res.Header.Get("location")}
	for _, name := range keptHeaders {
		if values := res.Header.Values(name); len(values) > 0 {
			a.kept = append(a.kept, name+": "+strings.Join(values, ", "))
		}
	}
	if a.version == "" { // the proxy's own
		a.seen = string(body)
		return a, nil
	}
	var pod struct {
		Client   string
		Upstream *struct{ Body struct{ Version string } }
		Request  struct {
			Path, Host string
			Headers    map[string]string
		}
	}
	if err := json.Unmarshal(body, &pod); err != nil {
		return a, fmt.Errorf("an answer of version %s that is not a pod's: %w", a.version, err)
	}
	var headers []string
	for name, value := range pod.Request.Headers {
		if slices.Contains(keptHeaders, name) {
			headers = append(headers, name+": "+value)
		}
	}
	slices.Sort(headers)
	a.seen, a.client = fmt.Sprintf("%s of %s with %v", pod.Request.Path, pod.Request.Host, headers), pod.Client
	if pod.Upstream != nil {
		a.upstream = pod.Upstream.Body.Version
	}
	return a, nil
}
