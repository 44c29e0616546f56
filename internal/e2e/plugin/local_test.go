package plugin

import (
	"strings"
	"testing"
)

const controllers = "grayscale-system"

// TestCancelLocally: with the controller gone a release is ended by hand, and
// the controller closes it when it returns.
func TestCancelLocally(t *testing.T) {
	deploy(t, "orphan")
	grayscale(t, 0, "create", "--service", "orphan", "--image", "v2", "--weight", "50", "--wait")
	_, said := grayscale(t, 1, "cancel", "orphan-v2", "--local")
	says(t, said, "the controller is available")
	scale(t, "0")
	defer scale(t, "2")
	out, said := grayscale(t, 0, "cancel", "orphan-v2", "--local")
	says(t, out, "cancelled by hand")
	says(t, said, "until the controller returns")
	if out, err := kubectl("", "-n", namespace, "get", "deploy", "orphan-v2"); err == nil {
		t.Errorf("the clone is still there: %s", out)
	}
	out, err := kubectl("", "-n", namespace, "get", "virtualservices,destinationrules", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "grayscale-version") {
		t.Errorf("routes or rules of ours are left:\n%s", out)
	}
	scale(t, "2")
	grayscale(t, 0, "wait", "orphan-v2", "--for", "end", "--timeout", "90s")
	out, _ = grayscale(t, 0, "history", "orphan")
	says(t, out, "Cancelled")
}

// scale gives the controller that many pods, and waits until it is so.
func scale(t *testing.T, replicas string) {
	t.Helper()
	if _, err := kubectl("", "-n", controllers, "scale", "deploy", "grayscale-controller", "--replicas", replicas); err != nil {
		t.Fatal(err)
	}
	if _, err := kubectl("", "-n", controllers, "rollout", "status", "deploy/grayscale-controller", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
}
