// Package plugin tries the built plugin on a real mesh with the product
// installed: bin/testbed run -- go test ./internal/e2e/plugin
package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const namespace = "e2e-plugin"

// app is a Service with one version behind a route of the user's; NAME in it
// is the Service's name.
const app = `
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: e2e-plugin}
spec:
  selector: {app: NAME}
  ports: [{name: http, port: 9080, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME-v1, namespace: e2e-plugin}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME, version: v1}}
  template:
    metadata: {labels: {app: NAME, version: v1}}
    spec:
      containers: [{name: NAME, image: "NAME:v1", ports: [{containerPort: 8080}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: e2e-plugin}
spec:
  hosts: [NAME]
  http:
  - name: all
    timeout: 3s
    route: [{destination: {host: NAME}}]
`

// editor lets alice edit the namespace, and nothing beside it.
const editor = `
apiVersion: v1
kind: Namespace
metadata: {name: e2e-plugin}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice, namespace: e2e-plugin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: User, name: alice, apiGroup: rbac.authorization.k8s.io}]
`

func TestMain(m *testing.M) {
	if os.Getenv("KUBECONFIG") == "" {
		fmt.Fprintln(os.Stderr, "run this in the testbed: bin/testbed run -- go test ./internal/e2e/plugin")
		os.Exit(1)
	}
	if _, err := kubectl(editor, "apply", "-f", "-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if _, err := kubectl("", "delete", "namespace", namespace); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func kubectl(stdin string, args ...string) (string, error) {
	cmd := exec.Command("kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// deploy makes the app under that name, ready.
func deploy(t *testing.T, name string) {
	t.Helper()
	if _, err := kubectl(strings.ReplaceAll(app, "NAME", name), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := kubectl("", "-n", namespace, "rollout", "status", "deploy/"+name+"-v1", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
}

// grayscale runs the plugin and wants that exit status; it gives both streams.
func grayscale(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command("kubectl-grayscale", append(args, "-n", namespace)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("kubectl grayscale %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errOut.String())
	}
	return out.String(), errOut.String()
}

// says wants all of these in a text.
func says(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, part := range all {
		if !strings.Contains(text, part) {
			t.Errorf("does not say %q:\n%s", part, text)
		}
	}
}

func TestWholeWay(t *testing.T) {
	deploy(t, "reviews")
	grayscale(t, 0, "create", "--service", "reviews", "--image", "v2", "--wait")
	out, _ := grayscale(t, 0, "create", "--service", "reviews", "--image", "v2")
	says(t, out, "unchanged")
	out, _ = grayscale(t, 0, "services")
	says(t, out, "busy", "reviews-v2")

	grayscale(t, 0, "policy", "reviews-v2", "--weight", "12.5", "--wait")
	out, _ = grayscale(t, 0, "status", "svc/reviews", "-o", "json")
	var status struct {
		Phase string
		Live  struct{ Weight float64 }
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || status.Phase != "Routing" || status.Live.Weight != 12.5 {
		t.Errorf("%v: %s", err, out)
	}
	out, _ = grayscale(t, 0, "diff", "reviews-v2")
	says(t, "["+out+"]", "[]")
	out, _ = grayscale(t, 0, "render", "reviews-v2")
	says(t, out, "weight: 1250", "weight: 8750", "kind: DestinationRule")
	_, said := grayscale(t, 1, "finish", "reviews-v2")
	says(t, said, "asked to have 12.5%, and it needs all traffic", "takeover reviews-v2")

	grayscale(t, 0, "takeover", "reviews-v2", "--to", "original", "--wait")
	grayscale(t, 0, "takeover", "reviews-v2", "--wait")
	grayscale(t, 0, "finish", "reviews-v2", "--wait")
	out, _ = grayscale(t, 0, "status", "reviews-v2")
	says(t, out, "Finished", "the grayscale version is the only one")
	out, _ = grayscale(t, 0, "services", "-o", "name")
	says(t, out, "service/reviews")
}

// TestStall: an image that can't be pulled is named on the way to the
// time-out, and a cancel ends it.
func TestStall(t *testing.T) {
	deploy(t, "stall")
	_, said := grayscale(t, 3, "create", "broken", "--service", "stall", "--image", "v2-nopull", "--wait", "--timeout", "9s")
	says(t, said, "ImagePull", "stall-v2-nopull", "timed out after 9s waiting until Ready", "status broken -w")
	out, _ := grayscale(t, 0, "status", "broken")
	says(t, out, "Degraded (PodsFailing)")
	grayscale(t, 0, "cancel", "broken", "--wait")
	_, said = grayscale(t, 1, "create", "broken", "--service", "stall", "--image", "v3")
	says(t, said, "the name is taken")
}

// TestEditor: who may only edit one namespace can do everything there, and is
// told that the counts are the controller's.
func TestEditor(t *testing.T) {
	deploy(t, "ratings")
	grayscale(t, 0, "create", "--service", "ratings", "--image", "v2", "--weight", "20", "--wait", "--as", "alice")
	out, _ := grayscale(t, 0, "status", "ratings-v2", "--as", "alice")
	says(t, out, "Routing", "by alice", "20%", "As the controller last wrote it")
	grayscale(t, 0, "cancel", "ratings-v2", "--wait", "--as", "alice")
	_, said := grayscale(t, 1, "list", "-A", "--as", "alice")
	says(t, said, "forbidden")
}
