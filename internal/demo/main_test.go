package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/show"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

func TestUsage(t *testing.T) {
	for _, name := range []string{"GATEWAY_URL", "MESH_PROXY", "KUBECONFIG"} {
		t.Setenv(name, "")
	}
	for args, want := range map[string]int{"--help": 0, "--long": exitUsage, "now": exitUsage, "": exitUsage} {
		if got := run(strings.Fields(args)); got != want {
			t.Errorf("demo %s: exit status %d, want %d", args, got, want)
		}
	}
}

func TestSurroundings(t *testing.T) {
	env := map[string]string{"GATEWAY_URL": "http://a", "MESH_PROXY": "http://b", "KUBECONFIG": "c"}
	getenv := func(name string) string { return env[name] }
	if p, err := surroundings(getenv); err != nil || p != (place{"http://a", "http://b", "c"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	for name := range env {
		if _, err := surroundings(func(n string) string {
			if n == name {
				return ""
			}
			return env[n]
		}); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "make demo") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for command, want := range map[string]int{"exit 0": 0, "exit 3": 3} {
		err := exec.Command("sh", "-c", command).Run()
		if got := exitStatus(err); got != want {
			t.Errorf("%s: %d", command, got)
		}
		if err != nil && exitStatus(fmt.Errorf("kubectl: %w", err)) != want {
			t.Errorf("%s, wrapped: %d", command, exitStatus(fmt.Errorf("kubectl: %w", err)))
		}
	}
	if got := exitStatus(errors.New("no such program")); got != -1 {
		t.Errorf("an error without exit status: %d", got)
	}
}

// mesh answers as productpage does to the gateway's host, and as reviews to
// the proxy's; every fourth request of each is v2's. It fails where told to.
func mesh(t *testing.T, fail *atomic.Bool) place {
	t.Helper()
	var gateway, sidecar atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail.Load() {
			http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("x-version", "v1")
		version := func(n *atomic.Int64) string {
			if n.Add(1)%4 == 0 {
				return "v2"
			}
			return "v1"
		}
		body := ""
		switch r.Host {
		case "bookinfo.example.com":
			body = fmt.Sprintf(`{"version":"v1","upstream":{"status":200,"body":{"version":%q}}}`, version(&gateway))
		case "reviews:9080":
			if r.Header.Get("end-user") != "jason" {
				t.Errorf("sidecar: headers %v", r.Header)
			}
			v := version(&sidecar)
			w.Header().Set("x-version", v)
			body = fmt.Sprintf(`{"version":%q}`, v)
		}
		// The client may be gone.
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return place{gateway: server.URL, proxy: server.URL}
}

func TestTraffic(t *testing.T) {
	var fail atomic.Bool
	p := mesh(t, &fail)
	screen := &show.Screen{Out: io.Discard, Terminal: func() view.Terminal { return view.Terminal{Width: 80} }}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := reachable(ctx, p); err != nil {
		t.Fatal(err)
	}
	quarter := judge.Expect{Phase: "25%", Original: "v1", Grayscale: "v2", Share: 0.25, Least: 200}
	traffic := startTraffic(t.Context(), p, screen, quarter)
	if err := traffic.settle(ctx); err != nil {
		t.Fatal(err)
	}
	if got := traffic.sentence(); !strings.HasPrefix(got, "v2 answered 25.") && !strings.HasPrefix(got, "v2 answered 24.") || !strings.HasSuffix(got, ", 0 failed.") {
		t.Errorf("sentence %q", got)
	}
	if now := traffic.picture(time.Now()); now.Needed != 400 || now.Done < 400 || now.Asked != 0.25 || now.Seen < 0.2 || now.Seen > 0.3 || now.Rate <= 0 {
		t.Errorf("picture %+v", now)
	}
	half := quarter
	half.Phase, half.Share = "50%", 0.5
	traffic.begin(half)
	if err := traffic.settle(ctx); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	none := quarter
	none.Phase, none.Moving = "broken", true
	traffic.begin(none)
	if err := traffic.settle(ctx); err != nil {
		t.Fatal(err)
	}
	rows, total := traffic.stop()
	if len(rows) != 5 {
		t.Fatalf("rows %+v", rows)
	}
	for n, want := range []string{"", "", "standard deviations from 50%", "standard deviations from 50%", "no healthy upstream"} {
		if got := strings.Join(rows[n].Faults, "; "); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("row %d: faults %q, want %q", n, got, want)
		}
	}
	if total.Requests < 1200 || total.Failed < 400 {
		t.Errorf("total %+v", total)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	var fail atomic.Bool
	p := mesh(t, &fail)
	fail.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := reachable(ctx, p); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "503") {
		t.Errorf("reachable: %v", err)
	}
	traffic := startTraffic(t.Context(), p, nil, judge.Expect{Phase: "10%", Least: 1 << 30})
	defer traffic.stop()
	if err := traffic.settle(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "phase 10%") {
		t.Errorf("settle: %v", err)
	}
}
