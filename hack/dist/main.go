// Command dist builds the plugin for every platform of krew.yaml, packs each
// with the LICENSE, and fills the manifest with version and checksums:
//
//	go run ./hack/dist --version v1.0.0 --image example.com/grayscale-controller:v1.0.0
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

const pluginPackage = "github.com/kubectl-grayscale/kubectl-grayscale/plugin"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := dist{}
	pflag.StringVar(&d.version, "version", "", "Version, as git describe says it")
	pflag.StringVar(&d.image, "image", "", "Image of the controller that install uses by default")
	pflag.StringVar(&d.out, "out", "dist", "Folder for the archives")
	pflag.StringVar(&d.manifest, "manifest", "krew.yaml", "Manifest to fill")
	pflag.Parse()
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

type dist struct{ version, image, out, manifest string }

// platform is an entry of the manifest's spec.platforms.
type platform map[string]any

func (p platform) label(key string) string {
	selector, _ := p["selector"].(map[string]any)
	labels, _ := selector["matchLabels"].(map[string]any)
	value, _ := labels[key].(string)
	return value
}

func (p platform) text(key string) string {
	value, _ := p[key].(string)
	return value
}

func (d *dist) run(ctx context.Context) error {
	d.version = semantic(d.version)
	text, err := os.ReadFile(d.manifest)
	if err != nil {
		return err
	}
	var manifest map[string]any
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		return fmt.Errorf("reading %s: %w", d.manifest, err)
	}
	spec, _ := manifest["spec"].(map[string]any)
	platforms, _ := spec["platforms"].([]any)
	if len(platforms) == 0 {
		return fmt.Errorf("%s has no platforms", d.manifest)
	}
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	var sums strings.Builder
	written, _ := spec["version"].(string)
	spec["version"] = d.version
	for _, entry := range platforms {
		p := platform(entry.(map[string]any))
		sum, err := d.pack(ctx, p)
		if err != nil {
			return err
		}
		p["uri"] = strings.ReplaceAll(p.text("uri"), "/"+written+"/", "/"+d.version+"/")
		p["sha256"] = sum
		fmt.Fprintf(&sums, "%s  %s\n", sum, path.Base(p.text("uri")))
	}
	filled, err := yaml.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.out, "checksums.txt"), []byte(sums.String()), 0o644); err != nil {
		return err
	}
	// krew's index and its validator want the file to be named after the plugin.
	metadata, _ := manifest["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	for _, file := range []string{filepath.Base(d.manifest), name + ".yaml"} {
		if err := os.WriteFile(filepath.Join(d.out, file), filled, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// semantic makes a version that krew takes, https://semver.org with a v: what
// git describe says of a commit without a tag becomes a pre-release.
func semantic(version string) string {
	switch {
	case version == "":
		return "v0.0.0-dev"
	case strings.HasPrefix(version, "v") && strings.Count(version, ".") >= 2:
		return version
	}
	return "v0.0.0-" + version
}

// pack builds one platform's archive and gives its checksum.
func (d *dist) pack(ctx context.Context, p platform) (string, error) {
	goos, goarch := p.label("os"), p.label("arch")
	archive := filepath.Join(d.out, path.Base(p.text("uri")))
	fmt.Printf("%s/%s: %s\n", goos, goarch, archive)
	work, err := os.MkdirTemp("", "dist-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }() // a temporary folder
	binary := filepath.Join(work, p.text("bin"))
	flags := fmt.Sprintf("-s -w -X %s.Version=%s -X %s.Image=%s", pluginPackage, d.version, pluginPackage, d.image)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags, "-o", binary, "./cmd/kubectl-grayscale")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building for %s/%s: %w", goos, goarch, err)
	}
	content, err := archived(archive, binary, "LICENSE")
	if err != nil {
		return "", fmt.Errorf("packing %s: %w", archive, err)
	}
	sum := sha256.Sum256(content)
	text := hex.EncodeToString(sum[:])
	if err := os.WriteFile(archive, content, 0o644); err != nil {
		return "", err
	}
	return text, os.WriteFile(archive+".sha256", []byte(text+"  "+filepath.Base(archive)+"\n"), 0o644)
}
