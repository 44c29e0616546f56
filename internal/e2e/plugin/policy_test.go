package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContentAndMirror: rules, a share beside them, and copies, as the plugin
// writes and shows them.
func TestContentAndMirror(t *testing.T) {
	deploy(t, "details")
	_, said := grayscale(t, 0, "create", "--service", "details", "--image", "v2", "--match", "cookie:User=Internal", "--wait")
	says(t, said, "must pass on what the rules look at (header cookie)", "0%, 1 rule live")
	out, _ := grayscale(t, 0, "status", "details-v2")
	says(t, out, "Requests for the grayscale version by content:", "live     cookie:User=Internal")
	out, _ = grayscale(t, 0, "render", "details-v2")
	says(t, out, "User", "cookie", "grayscale-version")
	grayscale(t, 0, "policy", "details-v2", "--match", "os:iOS && header:end-user=jason", "--match", "query:v~^2", "--weight", "0.5", "--wait")
	out, _ = grayscale(t, 0, "status", "details-v2")
	says(t, out, "live     header:end-user=jason && os:iOS", "live     query:v~^2", "99.5%  99.5%", "0.5%   0.5%")
	out, _ = grayscale(t, 0, "diff", "details-v2")
	says(t, "["+out+"]", "[]")
	out, _ = grayscale(t, 0, "list")
	says(t, out, "0.5%, 2 rules")
	_, said = grayscale(t, 1, "policy", "details-v2", "--mirror", "5")
	says(t, said, "--mirror", "needs weight 0")
	grayscale(t, 0, "policy", "details-v2", "--clear-match", "--weight", "0", "--mirror", "5", "--wait")
	out, _ = grayscale(t, 0, "status", "details-v2")
	says(t, out, "5% of the original's requests asked, 5%")
	grayscale(t, 0, "cancel", "details-v2", "--wait")
	out, _ = grayscale(t, 0, "history", "details")
	says(t, out, "details-v2", "Cancelled", "v1->v2")
}

// TestBlueGreen: all or nothing, and a patch beside the image.
func TestBlueGreen(t *testing.T) {
	deploy(t, "blue")
	patch := filepath.Join(t.TempDir(), "patch.yaml")
	if err := os.WriteFile(patch, []byte("spec: {containers: [{name: blue, env: [{name: COLOUR, value: green}]}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	grayscale(t, 0, "create", "--service", "blue", "--image", "v2", "--form", "blue-green", "--patch-file", patch, "--wait")
	out, _ := grayscale(t, 0, "status", "blue-v2")
	says(t, out, "blue-green release", "2/2    none   none")
	out, _ = grayscale(t, 0, "render", "blue-v2")
	says(t, out, "COLOUR")
	_, said := grayscale(t, 1, "policy", "blue-v2", "--weight", "10")
	says(t, said, "is blue-green", "takeover blue-v2 --to grayscale")
	grayscale(t, 0, "takeover", "blue-v2", "--wait")
	grayscale(t, 0, "takeover", "blue-v2", "--to", "original", "--wait")
	grayscale(t, 0, "takeover", "blue-v2", "--wait")
	grayscale(t, 0, "finish", "blue-v2", "--wait")
}

// TestOriginalVersion: a workload without a version gets one by an ordinary
// rollout, and keeps its name to the end.
func TestOriginalVersion(t *testing.T) {
	text := strings.NewReplacer("NAME-v1", "plain", "selector: {matchLabels: {app: NAME, version: v1}}", "selector: {matchLabels: {app: NAME}}",
		"labels: {app: NAME, version: v1}", "labels: {app: NAME}").Replace(app)
	if _, err := kubectl(strings.ReplaceAll(text, "NAME", "plain"), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	_, said := grayscale(t, 1, "create", "--service", "plain", "--image", "v2")
	says(t, said, "has no version label", "--original-version v1")
	_, said = grayscale(t, 0, "create", "--service", "plain", "--image", "v2", "--original-version", "v1", "--wait")
	says(t, said, "one ordinary rollout first")
	grayscale(t, 0, "takeover", "plain-v2", "--wait")
	grayscale(t, 0, "finish", "plain-v2", "--wait")
	out, err := kubectl("", "-n", namespace, "get", "deploy", "plain", "-o", "jsonpath={.spec.template.metadata.labels.version} {.spec.template.spec.containers[0].image}")
	if err != nil || out != "v2 plain:v2" {
		t.Errorf("Deployment plain has %q (%v), want the new version and image", out, err)
	}
	if out, err := kubectl("", "-n", namespace, "get", "deploy", "plain-v2"); err == nil {
		t.Errorf("the clone is still there: %s", out)
	}
}
