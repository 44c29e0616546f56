package binaries

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldestKubectl is the oldest minor version of kubectl that is taken from
// PATH: what users of the testbed call it for has been the same since.
const oldestKubectl = 28

// want is one file that the mesh needs.
type want struct {
	to *string
	// cached is its place in the cache.
	cached string
	// pkg is the main package that it is built from; none for a data file.
	pkg string
	// fits tells whether a program found elsewhere will do; nil: none will.
	fits func(ctx context.Context, path string) bool
}

// find sets w.to from the cache, KUBEBUILDER_ASSETS or PATH, in this order:
// the cache needs no look at versions.
func (w want) find(ctx context.Context) bool {
	if isFile(w.cached) {
		*w.to = w.cached
		return true
	}
	if w.fits == nil {
		return false
	}
	name := filepath.Base(w.cached)
	var candidates []string
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		candidates = append(candidates, filepath.Join(assets, name))
	}
	if path, err := exec.LookPath(name); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		abs, err := filepath.Abs(path)
		if err == nil && isFile(abs) && w.fits(ctx, abs) {
			*w.to = abs
			return true
		}
	}
	return false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// fits asks a program for its version: its answer must hold the pattern with
// the wanted version's minor in it, as in "Kubernetes v1.37".
func fits(pattern, version string, args ...string) func(context.Context, string) bool {
	prefix := fmt.Sprintf(pattern, minor(version)+".")
	return func(ctx context.Context, path string) bool {
		out, err := exec.CommandContext(ctx, path, args...).Output()
		return err == nil && strings.Contains(string(out), prefix)
	}
}

func recentKubectl(ctx context.Context, path string) bool {
	out, err := exec.CommandContext(ctx, path, "version", "--client", "-o", "json").Output()
	if err != nil {
		return false
	}
	var v struct {
		ClientVersion struct{ Major, Minor string } `json:"clientVersion"`
	}
	if json.Unmarshal(out, &v) != nil {
		return false
	}
	number, err := strconv.Atoi(strings.TrimRight(v.ClientVersion.Minor, "+"))
	return err == nil && v.ClientVersion.Major == "1" && number >= oldestKubectl
}
