// Package namespace runs a program in user, network, PID and mount namespaces
// of its own, so that it needs no rights on the machine and nothing of it
// outlives it.
//
// Three processes share the work. The outer one is what the user started. Its
// child, the init process, is PID 1 of the new PID namespace: when it ends,
// for whatever reason, the kernel kills everything in there and drops the
// mounts. Below it runs the supervisor, the program proper. See
// https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
package namespace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// InitCommand is the first argument of the init process: main sends it to Init.
	InitCommand = "__init"
	// SupervisorCommand is that of the supervisor, the program proper.
	SupervisorCommand = "__supervise"
)

// Enter runs this program again, as SupervisorCommand, in namespaces of its
// own, and returns its exit status. There, Attach returns the message, which
// is one line, and then the signals that this process gets; File returns the
// files. When this process dies, SIGKILL included, so does everything inside;
// at the end, however it comes, the folder remove is removed, unless its name
// is empty.
func Enter(message []byte, files []*os.File, remove string) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("entering the namespaces: %w", err)
	}
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("entering the namespaces: %w", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"testbed", InitCommand, remove}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = append([]*os.File{lifeRead, controlRead}, files...)
	if cmd.SysProcAttr, err = attributes(); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, explain(err)
	}
	for _, f := range cmd.ExtraFiles {
		_ = f.Close()
	}
	go func() {
		// A supervisor that is gone needs neither message nor signals.
		if _, err := controlWrite.Write(append(message, '\n')); err == nil {
			relay(signals, controlWrite)
		}
	}()
	err = cmd.Wait()
	runtime.KeepAlive(lifeWrite)
	return exitStatus(cmd, err)
}

func exitStatus(cmd *exec.Cmd, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("waiting for the testbed: %w", err)
	}
	return Status(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// Status is a process's exit status as a shell says it: 128 and the number
// for one that a signal ended.
func Status(w syscall.WaitStatus) int {
	if w.Signaled() {
		return 128 + int(w.Signal())
	}
	return w.ExitStatus()
}

func attributes() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
	}
	var err error
	if os.Geteuid() == 0 {
		// Root may map every id, so files of other users keep their owners.
		if attr.UidMappings, err = identity("/proc/self/uid_map"); err != nil {
			return nil, err
		}
		if attr.GidMappings, err = identity("/proc/self/gid_map"); err != nil {
			return nil, err
		}
		attr.GidMappingsEnableSetgroups = true
		return attr, nil
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	// The user stays who they are, so exec would drop the rights over the new
	// namespaces; ambient capabilities outlive it.
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		attr.AmbientCaps = append(attr.AmbientCaps, c)
	}
	return attr, nil
}

// identity maps each id that this process knows to itself.
func identity(path string) ([]syscall.SysProcIDMap, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the user namespace's ids: %w", err)
	}
	return parseIdentity(string(text))
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("making a user namespace: %w: this system forbids it to unprivileged users; "+
			"allow it with sysctl kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), "+
			"in a container run it with --security-opt seccomp=unconfined, or run as root", err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("making a user namespace: %w: sysctl user.max_user_namespaces is too low", err)
	}
	return fmt.Errorf("starting the testbed in its namespaces: %w", err)
}
