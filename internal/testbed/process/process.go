// Package process runs the testbed's programs: each with a log file, in a
// process group of its own so that a terminal's Ctrl-C does not reach it.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Spec is what to run.
type Spec struct {
	// Name is shown to the user and names the log file.
	Name string
	Path string
	Args []string
	// Env is added to a minimal environment; the caller's does not reach it.
	Env []string
	// LogDir holds Name.log.
	LogDir string
}

// Process is a running program.
type Process struct {
	Name string
	log  string
	done chan struct{}
	err  error
}

// Start starts a program.
func Start(spec Spec) (*Process, error) {
	p := &Process{Name: spec.Name, log: filepath.Join(spec.LogDir, spec.Name+".log"), done: make(chan struct{})}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + spec.LogDir}, spec.Env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = spec.LogDir, file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = file.Close()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Succeeded tells whether the program ended with status 0. It may be called
// once Done is closed.
func (p *Process) Succeeded() bool { return p.err == nil }

// Failure says how the program ended, with the last lines of its log. It may
// be called once Done is closed.
func (p *Process) Failure() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s\n%s", p.Name, how, p.Tail(25))
}

// Tail returns the last lines of the program's log, indented.
func (p *Process) Tail(lines int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "  | " + strings.Join(all, "\n  | ")
}

// readyWithin is far more than any program here needs, even on a busy machine.
const readyWithin = 2 * time.Minute

// Ready asks probe every 30 ms until it has no objection. It fails when the
// program ends first or takes two minutes.
func (p *Process) Ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		objection := probe(ctx)
		if objection == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Failure()
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("%s is not ready after %s: %w\n%s", p.Name, readyWithin, objection, p.Tail(25))
		case <-tick.C:
		}
	}
}
