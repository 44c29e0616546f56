package namespace

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signal is a signal that the outer process got.
type Signal struct {
	Number syscall.Signal
	// Delivered says that the terminal sent it to the whole foreground process
	// group: a command started by the supervisor has had it already.
	Delivered bool
}

// relay hands the outer process's signals to the supervisor through a pipe.
// The terminal sends Ctrl-C to every process of the group, inside and
// outside, so the signals as such say nothing about who should act.
func relay(signals <-chan os.Signal, to io.Writer) {
	for s := range signals {
		number, ok := s.(syscall.Signal)
		if !ok {
			continue
		}
		var delivered byte
		if (number == syscall.SIGINT || number == syscall.SIGQUIT) && inForeground() {
			delivered = 1
		}
		// A supervisor that is gone needs no signal.
		_, _ = to.Write([]byte{byte(number), delivered})
	}
}

// Attach returns the message given to Enter and the signals that the outer
// process gets. The supervisor's own signals are swallowed: they are the same
// ones again.
func Attach() ([]byte, <-chan Signal, error) {
	swallow()
	unix.CloseOnExec(supervisorControl)
	pipe := bufio.NewReader(os.NewFile(supervisorControl, "control"))
	first, err := pipe.ReadBytes('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("reading the outer process's message: %w", err)
	}
	out := make(chan Signal, 16)
	go func() {
		defer close(out)
		message := make([]byte, 2)
		for {
			if _, err := io.ReadFull(pipe, message); err != nil {
				return
			}
			out <- Signal{Number: syscall.Signal(message[0]), Delivered: message[1] == 1}
		}
	}()
	return first, out, nil
}

// swallow catches the ending signals and drops them. Ignoring them instead
// would be inherited by every program that is started.
func swallow() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		for range signals {
		}
	}()
}

// inForeground tells whether this process is in the foreground process group
// of a terminal that is one of its standard streams.
func inForeground() bool {
	for fd := range 3 {
		if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
			return true
		}
	}
	return false
}

// File returns the nth file that Enter was given, from 0.
func File(n int, name string) *os.File {
	unix.CloseOnExec(FirstFile + n)
	return os.NewFile(uintptr(FirstFile+n), name)
}
