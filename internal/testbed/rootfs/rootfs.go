// Package rootfs gives a process a root file system of its own, as a
// container has: the program, what it is linked with, and its volumes.
package rootfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Command is the first argument of this program with which it becomes a
// container: its second is the path of a Spec, in JSON. It must start in a
// mount namespace of its own.
const Command = "__container"

// Spec says what becomes of the process.
type Spec struct {
	// Root is an empty folder; the file system is mounted there.
	Root string
	// Program is the path outside of what is run, as /NAME inside.
	Program   string
	Args, Env []string
	// Dir is the working folder inside; empty: /.
	Dir    string
	Mounts []Mount
	// ReadOnly makes all but Mounts read-only.
	ReadOnly bool
}

// Mount makes a file or folder outside appear inside.
type Mount struct {
	From, To string
	ReadOnly bool
}

// Exec replaces this process by the program. It returns only on failure.
func Exec(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the container's description: %w", err)
	}
	var s Spec
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("parsing the container's description: %w", err)
	}
	if err := s.build(); err != nil {
		return err
	}
	if err := s.pivot(); err != nil {
		return err
	}
	program := "/" + filepath.Base(s.Program)
	return fmt.Errorf("running %s: %w", program, unix.Exec(program, append([]string{program}, s.Args...), s.Env))
}

// system are the folders that programs are linked with, where they exist, and
// those of the kernel.
var system = []string{
	"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/passwd", "/etc/group",
	"/proc", "/sys", "/dev",
}

func (s Spec) build() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the container's mounts private: %w", err)
	}
	if err := unix.Mount("container", s.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mounting the container's root on %s: %w", s.Root, err)
	}
	for _, path := range system {
		if err := s.borrow(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(s.Root, "tmp"), 0o777|fs.ModeSticky); err != nil {
		return fmt.Errorf("making the container's /tmp: %w", err)
	}
	if err := s.bind(Mount{From: s.Program, To: "/" + filepath.Base(s.Program)}); err != nil {
		return err
	}
	// A mount inside another comes after it.
	slices.SortFunc(s.Mounts, func(a, b Mount) int { return strings.Compare(a.To, b.To) })
	for _, m := range s.Mounts {
		if err := s.bind(m); err != nil {
			return err
		}
	}
	if s.ReadOnly {
		return readOnly(s.Root, "/")
	}
	return nil
}

// borrow shows a path of the machine's: bound, or the same symbolic link.
func (s Spec) borrow(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at %s for the container: %w", path, err)
	case info.Mode()&fs.ModeSymlink == 0:
		return s.bind(Mount{From: path, To: path})
	}
	target, err := os.Readlink(path)
	if err != nil {
		return fmt.Errorf("looking at %s for the container: %w", path, err)
	}
	if err := os.Symlink(target, filepath.Join(s.Root, path)); err != nil {
		return fmt.Errorf("linking %s in the container: %w", path, err)
	}
	return nil
}

func (s Spec) bind(m Mount) error {
	to := filepath.Join(s.Root, m.To)
	if err := mountPoint(m.From, to); err != nil {
		return fmt.Errorf("making %s in the container: %w", m.To, err)
	}
	if err := unix.Mount(m.From, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s on %s in the container: %w", m.From, m.To, err)
	}
	if m.ReadOnly {
		return readOnly(to, m.To)
	}
	return nil
}

// mountPoint makes what from can be mounted on: a folder, or a file.
func mountPoint(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, nil, 0o644)
}

func readOnly(path, name string) error {
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV)
	if err := unix.Mount("", path, "", flags, ""); err != nil {
		return fmt.Errorf("making %s in the container read-only: %w", name, err)
	}
	return nil
}

// pivot makes Root the root: the old one is stacked below it and let go.
func (s Spec) pivot() error {
	if err := unix.Chdir(s.Root); err != nil {
		return fmt.Errorf("entering the container's root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("entering the container's root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the machine's root: %w", err)
	}
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("entering %s in the container: %w", dir, err)
	}
	return nil
}
