package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
)

const (
	// Exit statuses of a shell for commands that it can't run.
	notExecutable = 126
	notFound      = 127

	// commandGrace is what a command has to end after SIGTERM or SIGHUP.
	commandGrace = 10 * time.Second
)

// runCommand runs the user's command and returns its exit status. over says
// that the command ended, and nobody asked for more than that: no signal came,
// and all of the testbed still runs.
func (t *testbed) runCommand(signals <-chan namespace.Signal) (status int, over bool) {
	environ, err := t.environ()
	if err != nil {
		return complain(err), false
	}
	cmd := exec.Command(t.config.Command[0], t.config.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, environ
	if err := cmd.Start(); err != nil {
		complain(fmt.Errorf("running %s: %w", t.config.Command[0], err))
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return notFound, false
		}
		return notExecutable, false
	}
	done := make(chan struct{})
	go func() {
		// The state says how it ended; there is no other error to have.
		_ = cmd.Wait()
		close(done)
	}()
	var limit <-chan time.Time
	signalled := false
	for {
		select {
		case <-done:
			return namespace.Status(cmd.ProcessState.Sys().(syscall.WaitStatus)), !signalled
		case err := <-t.failed:
			return complain(err), false
		case <-limit:
			return complain(fmt.Errorf("%s did not end within %s of the signal", t.config.Command[0], commandGrace)), false
		case s := <-signals:
			signalled = true
			if !s.Delivered {
				// It may have ended this moment.
				_ = cmd.Process.Signal(s.Number)
			}
			if s.Number == syscall.SIGTERM || s.Number == syscall.SIGHUP {
				limit = time.After(commandGrace)
			}
		}
	}
}

// environ is the caller's environment and what the testbed adds. Variables
// for HTTP proxies are left out: in here is nothing that they could lead to.
func (t *testbed) environ() ([]string, error) {
	if err := os.Setenv("PATH", t.config.searchPath()+":"+os.Getenv("PATH")); err != nil {
		return nil, fmt.Errorf("setting PATH: %w", err)
	}
	var environ []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch strings.ToUpper(name) {
		case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY":
		default:
			environ = append(environ, e)
		}
	}
	for _, e := range t.config.environment() {
		environ = append(environ, e[0]+"="+e[1])
	}
	return environ, nil
}
