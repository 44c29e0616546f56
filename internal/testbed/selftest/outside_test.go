package selftest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// insideVariable is set for the tests that run in a testbed.
const insideVariable = "TESTBED_SELFTEST_INSIDE"

func inside() bool { return os.Getenv(insideVariable) != "" }

// program is the testbed, built once for all tests outside.
var program string

func TestMain(m *testing.M) {
	if inside() {
		os.Exit(m.Run())
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "testbed-selftest-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "testbed")
	// The second command waits for the programs of the mesh to be there.
	for _, args := range [][]string{{"go", "build", "-o", program, "../cmd/testbed"}, {program, "build"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// TestOutside starts a testbed for the tests inside while another is killed.
func TestOutside(t *testing.T) {
	if inside() {
		return
	}
	t.Run("inside, with its exit status", func(t *testing.T) {
		t.Parallel()
		testInside(t)
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		testKilled(t)
	})
	t.Run("up after a command", func(t *testing.T) {
		t.Parallel()
		testUp(t)
	})
	t.Run("with a slow istiod", func(t *testing.T) {
		t.Parallel()
		testSlow(t)
	})
	t.Run("with two API servers", func(t *testing.T) {
		t.Parallel()
		testTwoServers(t)
	})
}

// testInside runs this program's own tests in a testbed, by a shell that adds
// 40 to their exit status.
func testInside(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `"$0" -test.run=TestInside -test.v -test.timeout=3m; exit $((40 + $?))`
	cmd := exec.CommandContext(t.Context(), program, "run", "--bare", "--", "sh", "-c", script, self)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 40 {
		t.Errorf("testbed run: %v, want exit status 40", err)
	}
}

// testKilled kills a running testbed's outer process with SIGKILL: nothing of
// it may remain.
func testKilled(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program, "run", "--bare", "--", "sh", "-c", "echo up; exec sleep 1000")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("the command said %q, %v", line, err)
	}
	namespace := pidNamespaceOf(t, cmd.Process.Pid)
	if n := members(t, namespace); n < 9 {
		t.Fatalf("%d processes in the testbed's PID namespace, want 9 or more", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, 10*time.Second, "no process of the testbed is left", func(context.Context) bool { return members(t, namespace) == 0 })
}

// testUp runs a command, then stays up until a signal and returns the
// command's exit status: what the command saw is what is seen from outside.
func testUp(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program, "up", "--bare", "--", "sh", "-c", `echo "$KUBECONFIG"; kubectl get namespace default -o name; exit 3`)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		lines = append(lines, scanner.Text())
		if strings.Contains(scanner.Text(), "Ctrl-C") {
			break
		}
	}
	if len(lines) < 3 || lines[1] != "namespace/default" {
		t.Fatalf("the command and up said %q", lines)
	}
	config, err := clientcmd.BuildConfigFromFlags("", lines[0])
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
		t.Errorf("from outside: %v", err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("testbed up: %v, want exit status 3", err)
	}
	if _, err := os.Stat(filepath.Dir(lines[0])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder %s: %v, want none", filepath.Dir(lines[0]), err)
	}
}

// pidNamespaceOf returns the PID namespace of a process's child.
func pidNamespaceOf(t *testing.T, pid int) string {
	t.Helper()
	children, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range children {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The parent is the second field after the name, which is in parentheses.
		fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
		if fields[1] != strconv.Itoa(pid) {
			continue
		}
		namespace, err := os.Readlink(filepath.Join(filepath.Dir(path), "ns/pid"))
		if err != nil {
			t.Fatal(err)
		}
		return namespace
	}
	t.Fatalf("process %d has no child", pid)
	return ""
}

func members(t *testing.T, namespace string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range links {
		if target, err := os.Readlink(path); err == nil && target == namespace {
			n++
		}
	}
	return n
}

// eventually polls until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}
