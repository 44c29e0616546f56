package differential

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// proxies are the administration addresses of both.
func proxies() []string {
	return []string{os.Getenv("ENVOY_GATEWAY_ADMIN"), os.Getenv("ENVOY_SIDECAR_ADMIN")}
}

// admin reads a page of an Envoy's administration.
func (w *world) admin(proxy, page string) (string, error) {
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, proxy+page, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s%s: status %s: %w", proxy, page, res.Status, err)
	}
	return string(body), nil
}

// endpoints waits until both proxies know a pod of every subset.
func (w *world) endpoints() {
	w.t.Helper()
	want := []string{w.cluster("ratings", ""), w.cluster(barrier, "")}
	for i := range slots {
		want = append(want, w.cluster(slot(i), ""))
		for subset := range versions {
			want = append(want, w.cluster(slot(i), subset))
		}
	}
	for _, proxy := range proxies() {
		w.eventually("all clusters have endpoints at "+proxy, func() (bool, string) {
			text, err := w.admin(proxy, "/clusters")
			if err != nil {
				return false, err.Error()
			}
			healthy := map[string]bool{}
			for line := range strings.Lines(text) {
				if name, _, ok := strings.Cut(line, "::"); ok && strings.HasSuffix(line, "::health_flags::healthy\n") {
					healthy[name] = true
				}
			}
			for _, name := range want {
				if !healthy[name] {
					return false, name + " has none"
				}
			}
			return true, ""
		})
	}
}

// cluster is what istiod calls a subset.
func (w *world) cluster(service, subset string) string {
	return fmt.Sprintf("outbound|%d|%s|%s.%s.svc.cluster.local", port, subset, service, w.namespace)
}

// rejections are the last things that the proxies refused to take from istiod.
func rejections() string {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("TESTBED_DIR"), "logs", "envoy-*"))
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "rejected") {
				lines = append(lines, fmt.Sprintf("%.1000s", line))
			}
		}
	}
	return fmt.Sprintf("%q", lines[max(0, len(lines)-2):])
}

// joinHeaders makes both proxies compare all lines of a header as one value, as
// long as the test runs.
// https://www.envoyproxy.io/docs/envoy/latest/version_history/v1.39/v1.39.0
func (w *world) joinHeaders() {
	w.t.Helper()
	set := func(value string) {
		for _, proxy := range proxies() {
			at := proxy + "/runtime_modify?envoy.reloadable_features.match_headers_individually=" + value
			res, err := http.Post(at, "", nil)
			if err != nil {
				w.t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				w.t.Fatalf("%s: status %s", at, res.Status)
			}
		}
	}
	set("false")
	w.t.Cleanup(func() { set("true") })
}
