package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestVersionLabel: one that the webhooks are not asked about is refused before anything
// is served.
func TestVersionLabel(t *testing.T) {
	o := defaults()
	o.settings.VersionLabel = release.ChartLabel
	t.Setenv("KUBECONFIG", "/dev/null")
	if err := run(t.Context(), o); err == nil || !strings.Contains(err.Error(), `--version-label "helm.sh/chart"`) {
		t.Errorf("the controller starts: %v", err)
	}
}

// TestReady: a controller that listens is not ready before the API server trusts
// its certificate.
func TestReady(t *testing.T) {
	certified, serves := make(chan struct{}), error(nil)
	check := ready(certified, func(*http.Request) error { return serves })
	if err := check(nil); err == nil || !strings.Contains(err.Error(), "certificate is not in place") {
		t.Errorf("without a certificate it says %v", err)
	}
	close(certified)
	if err := check(nil); err != nil {
		t.Errorf("with a certificate it says %v", err)
	}
	if serves = errors.New("not serving"); !errors.Is(check(nil), serves) {
		t.Error("is ready and does not serve")
	}
}
