package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// farewell is what an interrupted command has to end.
const farewell = 3 * time.Second

// grayscale runs the plugin as a user types it: kubectl grayscale ARGS.
func (d *demo) grayscale(ctx context.Context, args ...string) error {
	_, err := d.kubectl(ctx, append([]string{"grayscale"}, args...)...)
	return err
}

// kubectl shows a command and runs it, with its output on the page. The output
// is returned, too.
func (d *demo) kubectl(ctx context.Context, args ...string) (string, error) {
	line := "kubectl " + strings.Join(args, " ")
	d.screen.Command(line)
	return d.execute(ctx, line, nil, args)
}

// apply gives a file to kubectl apply.
func (d *demo) apply(ctx context.Context, path, content string) error {
	line := "kubectl apply -f " + path
	d.screen.Command(line)
	// From the demo's own copy: it may be run from any folder.
	_, err := d.execute(ctx, line, strings.NewReader(content), []string{"apply", "-f", "-"})
	return err
}

func (d *demo) execute(ctx context.Context, line string, in io.Reader, args []string) (string, error) {
	var copied bytes.Buffer
	page := d.screen.Output()
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Stdin = in
	// One writer for both: the lines stay in their order.
	out := io.MultiWriter(page, &copied)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), fmt.Sprintf("COLUMNS=%d", d.screen.Inside()))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = farewell
	err := cmd.Run()
	err = errors.Join(err, page.Close())
	if err != nil {
		return copied.String(), fmt.Errorf("%s: %w", line, err)
	}
	return copied.String(), nil
}

// exitStatus is that of a command that ended with one; -1 where none did.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}
