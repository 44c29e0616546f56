package namespace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	initLifeline      = 3
	initControl       = 4
	supervisorControl = 3
	// FirstFile is the supervisor's descriptor of the first file given to Enter.
	FirstFile = 4

	// Scratch is a tmpfs that only the namespaces see and that ends with them.
	// Every Linux has a folder to mount it on here, so none is made on disk.
	Scratch = "/dev/shm"
)

// Init is the init process: it sets the mounts up, starts the supervisor, and
// adopts orphans until the supervisor ends. Then it removes a folder, unless
// its name is empty. It never returns.
func Init(remove string) {
	status, err := initialise(remove)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "testbed:", err)
		status = 1
	}
	end(remove, status)
}

// end ends the namespaces.
func end(remove string, status int) {
	// For PID 1 these are all others: none may write to the folder any more.
	// There may be none left.
	_ = unix.Kill(-1, unix.SIGKILL)
	if remove != "" {
		if err := os.RemoveAll(remove); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "testbed: removing its folder:", err)
		}
	}
	os.Exit(status)
}

func initialise(remove string) (int, error) {
	swallow()
	unix.CloseOnExec(initLifeline)
	go watchLifeline(remove)
	if err := mounts(); err != nil {
		return 0, err
	}
	process, err := os.StartProcess("/proc/self/exe", []string{os.Args[0], SupervisorCommand}, &os.ProcAttr{Files: inherited()})
	if err != nil {
		return 0, fmt.Errorf("starting the supervisor: %w", err)
	}
	return reap(process.Pid)
}

// watchLifeline ends the namespaces when the outer process is gone: its end
// of the pipe closes with it, however it ends.
func watchLifeline(remove string) {
	_, _ = io.Copy(io.Discard, os.NewFile(initLifeline, "lifeline"))
	end(remove, 128+int(syscall.SIGKILL))
}

// inherited are the files that the supervisor gets: all but the lifeline.
func inherited() []*os.File {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for fd := initControl; ; fd++ {
		if _, err := os.Stat(filepath.Join("/proc/self/fd", strconv.Itoa(fd))); err != nil || !isGiven(fd) {
			return files
		}
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "inherited"))
	}
}

// isGiven tells descriptors that came through exec from those that the Go
// runtime opened: only the latter close on exec.
func isGiven(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

func mounts() error {
	// Nothing that is mounted from here on may show outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	// Where a container masks parts of /proc a fresh one is forbidden. The old
	// one does too: it only shows the outer process ids.
	err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("testbed", Scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mounting the testbed's tmpfs on %s: %w", Scratch, err)
	}
	return nil
}

// reap waits for every child, its own and those it inherits, until the
// supervisor is among them.
func reap(supervisor int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("waiting for the supervisor: %w", err)
		case pid == supervisor:
			return Status(status), nil
		}
	}
}
