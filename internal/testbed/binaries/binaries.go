package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// CacheEnv names the environment variable that moves the cache of built
// programs away from its default, kubectl-grayscale in the user's cache folder.
const CacheEnv = "GRAYSCALE_TESTBED_CACHE"

// Set is where each program lies, as absolute paths.
type Set struct {
	Etcd                  string
	KubeAPIServer         string
	KubeControllerManager string
	Kubectl               string
	Istiod                string
	// IstioCRDs is a YAML file with Istio's CustomResourceDefinitions.
	IstioCRDs string
	Envoy     string
}

// CacheDir is the folder that holds the programs, one folder a version.
func CacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("%s=%q: %w", CacheEnv, dir, err)
		}
		return abs, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for the testbed's programs, set %s: %w", CacheEnv, err)
	}
	return filepath.Join(base, "kubectl-grayscale", "testbed"), nil
}

// Ensure returns where the programs are, after building or downloading those
// that neither the cache, KUBEBUILDER_ASSETS nor PATH has. Progress goes to
// out, and only when there is something to do. Two calls at once, in any two
// processes, do the work once.
func Ensure(ctx context.Context, out io.Writer) (Set, error) {
	versions, err := PinnedVersions()
	if err != nil {
		return Set{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return Set{}, err
	}
	e := &ensurer{versions: versions, cache: cache, out: out}
	var set Set
	if err := e.kubernetes(ctx, &set); err != nil {
		return Set{}, err
	}
	if err := e.istio(ctx, &set); err != nil {
		return Set{}, err
	}
	if err := e.envoy(ctx, &set); err != nil {
		return Set{}, err
	}
	return set, nil
}

type ensurer struct {
	versions Versions
	cache    string
	out      io.Writer
}

func (e *ensurer) kubernetes(ctx context.Context, set *Set) error {
	k := filepath.Join(e.cache, "kubernetes-"+e.versions.Kubernetes)
	wants := []want{
		{&set.Etcd, filepath.Join(e.cache, "etcd-"+e.versions.Etcd, "etcd"), "go.etcd.io/etcd/server/v3", fits("etcd Version: %s", e.versions.Etcd, "--version")},
		{&set.KubeAPIServer, filepath.Join(k, "kube-apiserver"), "k8s.io/kubernetes/cmd/kube-apiserver", fits("Kubernetes v%s", e.versions.Kubernetes, "--version")},
		{&set.KubeControllerManager, filepath.Join(k, "kube-controller-manager"), "k8s.io/kubernetes/cmd/kube-controller-manager", fits("Kubernetes v%s", e.versions.Kubernetes, "--version")},
		{&set.Kubectl, filepath.Join(k, "kubectl"), "k8s.io/kubernetes/cmd/kubectl", recentKubectl},
	}
	return e.build(ctx, "kubernetes", kubernetesFlags(e.versions.Kubernetes), wants)
}

func (e *ensurer) istio(ctx context.Context, set *Set) error {
	dir := filepath.Join(e.cache, e.versions.istioFolder())
	wants := []want{
		{&set.Istiod, filepath.Join(dir, "pilot-discovery"), "istio.io/istio/pilot/cmd/pilot-discovery", nil},
		{&set.IstioCRDs, filepath.Join(dir, "crd-all.gen.yaml"), "", nil},
	}
	return e.build(ctx, "istio", "-s -w", wants)
}

// kubernetesFlags give the server a version that clients can parse; a plain
// go build leaves v0.0.0-master+$Format:%H$.
func kubernetesFlags(version string) string {
	const pkg = "k8s.io/component-base/version"
	m := minor(version)
	return fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", pkg, version, m[:1], m[2:])
}
