package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestArchives(t *testing.T) {
	dir := t.TempDir()
	binary, licence := filepath.Join(dir, "kubectl-grayscale"), filepath.Join(dir, "LICENSE")
	for _, path := range []string{binary, licence} {
		if err := os.WriteFile(path, []byte(filepath.Base(path)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.tar.gz", "a.zip"} {
		once, err := archived(name, binary, licence)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := archived(name, binary, licence); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s: the same files make another archive (%v)", name, err)
		}
		if got := modes(t, name, once); !slices.Equal(got, []string{"kubectl-grayscale -rwxr-xr-x", "LICENSE -rw-r--r--"}) {
			t.Errorf("%s holds %v", name, got)
		}
	}
}

func modes(t *testing.T, name string, content []byte) []string {
	t.Helper()
	var out []string
	if filepath.Ext(name) == ".zip" {
		r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			out = append(out, f.Name+" "+f.Mode().String())
		}
		return out
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unpacked); ; {
		header, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, header.Name+" "+header.FileInfo().Mode().String())
	}
}

func TestSemantic(t *testing.T) {
	for in, want := range map[string]string{"v1.2.3": "v1.2.3", "v1.2.3-4-gabc": "v1.2.3-4-gabc", "abc123-dirty": "v0.0.0-abc123-dirty", "": "v0.0.0-dev"} {
		if got := semantic(in); got != want {
			t.Errorf("semantic(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestManifest holds that the committed manifest names every platform once.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Spec struct{ Platforms []platform }
	}
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range manifest.Spec.Platforms {
		got = append(got, p.label("os")+"/"+p.label("arch"))
	}
	want := []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
	if !slices.Equal(got, want) {
		t.Errorf("the platforms are %v, want %v", got, want)
	}
}
