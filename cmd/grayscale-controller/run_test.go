package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

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
