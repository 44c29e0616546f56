package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"k8s.io/klog/v2"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

// Main runs the testbed and returns its exit status: the command's, 1 when
// the testbed failed, 128 and the signal's number when one ended it early.
func Main() int {
	begun := time.Now()
	message, signals, err := namespace.Attach()
	if err != nil {
		return complain(err)
	}
	var config Config
	if err := json.Unmarshal(message, &config); err != nil {
		return complain(fmt.Errorf("the supervisor's configuration: %w", err))
	}
	if err := folders(config); err != nil {
		return complain(err)
	}
	t := newTestbed(config)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- t.start(ctx) }()
	select {
	case s := <-signals:
		return 128 + int(s.Number)
	case err := <-t.failed:
		return complain(err)
	case err := <-started:
		if err != nil {
			// A component that ended explains more than what it kept waiting.
			return complain(errors.Join(t.failure(), err))
		}
	}
	_, _ = fmt.Fprintf(os.Stderr, "testbed: ready in %.1f s\n", time.Since(begun).Seconds())
	status, stay := 0, true
	if len(config.Command) > 0 {
		status, stay = t.runCommand(signals)
	}
	if err := config.writeUses(); err != nil {
		return complain(err)
	}
	if stay && config.isUp() {
		return t.stayUp(signals, status)
	}
	return status
}

func complain(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, "testbed:", err)
	return 1
}

func folders(config Config) error {
	// A folder that was used before must not tell old tales.
	for _, old := range []string{config.path("pids"), config.path("audit.log")} {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("clearing the testbed's folder: %w", err)
		}
	}
	// Only this user may look in: there are keys.
	for _, dir := range []string{scratch, config.dir(), config.path("logs"), config.path("pids"), scratch + "/data", scratch + "/volumes"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the testbed's folders: %w", err)
		}
	}
	file, err := os.Create(config.path("logs", "testbed.log"))
	if err != nil {
		return fmt.Errorf("making the testbed's log: %w", err)
	}
	log.SetOutput(file)
	log.SetFlags(log.LstdFlags | log.Lmicroseconds)
	klog.LogToStderr(false)
	klog.SetOutput(io.Writer(file))
	return nil
}

// watch reports the first of the processes that ends: none should.
func (t *testbed) watch(processes []*process.Process) {
	for _, p := range processes {
		if t.watched[p] {
			continue
		}
		t.watched[p] = true
		go func() {
			<-p.Done()
			select {
			case t.failed <- p.Failure():
			default:
			}
		}()
	}
}

func (t *testbed) failure() error {
	select {
	case err := <-t.failed:
		return err
	default:
		return nil
	}
}

// stayUp waits for a signal, which is how up ends when all is well, and
// returns the exit status of the command that ran before, if any.
func (t *testbed) stayUp(signals <-chan namespace.Signal, status int) int {
	t.explain(os.Stdout)
	select {
	case err := <-t.failed:
		return complain(err)
	case s := <-signals:
		_, _ = fmt.Fprintf(os.Stderr, "testbed: %s, ending\n", s.Number)
		return status
	}
}
