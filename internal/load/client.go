package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// client sends the requests of one target and judges the answers.
type client struct {
	target  Target
	http    *http.Client
	err     error // of the target itself
	request *http.Request
	buffers sync.Pool
}

func newClient(t Target) *client {
	c := &client{target: t, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	transport := &http.Transport{
		MaxIdleConnsPerHost: max(t.Workers, 1), // one connection a worker, kept
		DisableCompression:  true,
	}
	if t.Proxy != "" {
		proxy, err := url.Parse(t.Proxy)
		if err != nil {
			c.err = fmt.Errorf("proxy of target %s: %w", t.Name, err)
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequest(http.MethodGet, t.URL, http.NoBody)
	if err != nil {
		c.err = fmt.Errorf("target %s: %w", t.Name, err)
		return c
	}
	for name, values := range t.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Host = t.Host
	c.request = request
	return c
}

// send sends one request. The version is that of the pod that answered, and
// anything but a whole answer with status 200 is an error.
func (c *client) send(ctx context.Context) (version string, err error) {
	if c.target.Do != nil {
		return c.target.Do(ctx)
	}
	if c.err != nil {
		return "", c.err
	}
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	res, err := c.http.Do(c.request.Clone(ctx))
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body := c.buffers.Get().(*bytes.Buffer)
	defer c.buffers.Put(body)
	body.Reset()
	if _, err := io.Copy(body, res.Body); err != nil {
		return "", fmt.Errorf("reading the answer of pod %s: %w", res.Header.Get("x-pod"), err)
	}
	return c.judge(res, body.Bytes())
}

func (c *client) judge(res *http.Response, body []byte) (string, error) {
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s from pod %q, flags %q: %.200s", res.Status, res.Header.Get("x-pod"), res.Header.Get("x-envoy-response-flags"), body)
	}
	version := res.Header.Get("x-version")
	if version == "" {
		return "", fmt.Errorf("an answer without header x-version: %.200s", body)
	}
	if !c.target.Upstream {
		if !json.Valid(body) {
			return "", fmt.Errorf("an answer of pod %s that is not JSON: %.200s", res.Header.Get("x-pod"), body)
		}
		return version, nil
	}
	return last(body)
}

// link is the part of a pod's answer that names it and the pod that it called.
type link struct {
	Version  string `json:"version"`
	Upstream *struct {
		Status int  `json:"status"`
		Body   link `json:"body"`
	} `json:"upstream"`
}

// last gives the version of the last pod in the chain of calls.
func last(body []byte) (string, error) {
	var first link
	if err := json.Unmarshal(body, &first); err != nil {
		return "", fmt.Errorf("an answer that is not a pod's (%w): %.200s", err, body)
	}
	if first.Upstream == nil {
		return "", fmt.Errorf("an answer of version %s that called nobody: %.200s", first.Version, body)
	}
	at := &first
	for at.Upstream != nil {
		if at.Upstream.Status != http.StatusOK {
			return "", fmt.Errorf("version %s was answered with status %d: %.200s", at.Version, at.Upstream.Status, body)
		}
		at = &at.Upstream.Body
	}
	return at.Version, nil
}
