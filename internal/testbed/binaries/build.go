package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// build finds what it can of one module's files and builds the rest under
// the module's lock.
func (e *ensurer) build(ctx context.Context, module, ldflags string, wants []want) error {
	if len(missing(ctx, wants)) == 0 {
		return nil
	}
	unlock, err := lock(e.cache, module, e.out)
	if err != nil {
		return err
	}
	defer unlock()
	// Another process may have built them while this one waited.
	absent := missing(ctx, wants)
	if len(absent) == 0 {
		return nil
	}
	src, err := os.MkdirTemp(e.cache, ".build-"+module+"-")
	if err != nil {
		return fmt.Errorf("building the programs of %s: %w", module, err)
	}
	defer func() { _ = os.RemoveAll(src) }()
	if err := writeModule(module, src); err != nil {
		return err
	}
	for _, w := range absent {
		if err := e.buildOne(ctx, src, ldflags, w); err != nil {
			return err
		}
	}
	return nil
}

func missing(ctx context.Context, wants []want) []want {
	var absent []want
	for _, w := range wants {
		if !w.find(ctx) {
			absent = append(absent, w)
		}
	}
	return absent
}

func (e *ensurer) buildOne(ctx context.Context, src, ldflags string, w want) error {
	name := filepath.Base(w.cached)
	temp := filepath.Join(src, "out-"+name)
	var err error
	if w.pkg == "" {
		err = copyFromModule(ctx, src, name, temp)
	} else {
		err = e.goBuild(ctx, src, ldflags, w.pkg, temp)
	}
	if err != nil {
		return err
	}
	return install(temp, w)
}

// install puts a finished file in its place in one step, so that nobody ever
// sees half of it.
func install(temp string, w want) error {
	if err := os.MkdirAll(filepath.Dir(w.cached), 0o755); err != nil {
		return fmt.Errorf("caching %s: %w", w.cached, err)
	}
	if err := os.Rename(temp, w.cached); err != nil {
		return fmt.Errorf("caching %s: %w", w.cached, err)
	}
	*w.to = w.cached
	return nil
}

func (e *ensurer) goBuild(ctx context.Context, src, ldflags, pkg, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", ldflags, "-o", to, pkg)
	// A workspace or vendor folder of the caller's must not decide versions.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	return e.run(cmd, src, "building "+pkg)
}

// run runs a command that takes long, with a line at its start, one every 15
// seconds, and one at its end.
func (e *ensurer) run(cmd *exec.Cmd, dir, what string) error {
	var output bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	start := time.Now()
	say(e.out, "%s …", what)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(15 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				say(e.out, "%s … %s", what, time.Since(start).Round(time.Second))
			}
		}
	}()
	err := cmd.Run()
	close(done)
	<-stopped
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(output.String()))
	}
	say(e.out, "%s: done in %s", what, time.Since(start).Round(time.Second))
	return nil
}

// copyFromModule takes Istio's CustomResourceDefinitions out of its module.
func copyFromModule(ctx context.Context, src, name, to string) error {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio")
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	dir, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("looking for the istio module: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "manifests/charts/base/files", name))
	if err != nil {
		return fmt.Errorf("reading Istio's CustomResourceDefinitions: %w", err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		return fmt.Errorf("writing Istio's CustomResourceDefinitions: %w", err)
	}
	return nil
}

func say(out io.Writer, format string, args ...any) {
	// Progress is for eyes only: a closed stderr must not end a build.
	_, _ = fmt.Fprintf(out, "testbed: "+format+"\n", args...)
}
