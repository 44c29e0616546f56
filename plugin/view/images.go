package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// versionsImages gives the images of both versions: of the containers whose image
// changes or, where none does, of all. An original that has become the new version
// shows what it runs now.
func versionsImages(r Release) (original, grayscale string) {
	s := r.Status
	before, after := s.Original.Images, resulting(s)
	differ := map[string]bool{}
	for container, image := range after {
		if before[container] != image {
			differ[container] = true
		}
	}
	if r.Renewed != nil {
		before = r.Renewed
	}
	return images(before, differ), images(after, differ)
}

// resulting are the grayscale version's images: the original's, with those that
// change, by the user's patch too.
func resulting(s *release.Status) map[string]string {
	out := maps.Clone(s.Original.Images)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, s.Grayscale.Images)
	var patch struct {
		Spec struct {
			Containers, InitContainers []struct{ Name, Image string }
		}
	}
	if yaml.Unmarshal([]byte(s.Grayscale.Patch), &patch) != nil {
		return out // it was read when it was admitted, and is shown as it is
	}
	for _, c := range slices.Concat(patch.Spec.Containers, patch.Spec.InitContainers) {
		if c.Image != "" {
			out[c.Name] = c.Image
		}
	}
	return out
}

// images are those of the containers, or of all where none is named.
func images(byContainer map[string]string, of map[string]bool) string {
	var out []string
	for _, container := range slices.Sorted(maps.Keys(byContainer)) {
		if len(of) > 0 && !of[container] {
			continue
		}
		out = append(out, container+"="+byContainer[container])
	}
	if len(out) == 1 {
		_, image, _ := strings.Cut(out[0], "=")
		return image
	}
	return cmp.Or(strings.Join(out, ","), "-")
}

// patch shows the user's patch of the pod template.
func (p *page) patch(r Release) {
	if r.Ended || r.Status.Grayscale.Patch == "" {
		return
	}
	p.line("")
	p.line("The grayscale version's pod template is the original's with this patch:")
	for line := range strings.Lines(r.Status.Grayscale.Patch) { // never cut: it is there to be copied
		p.line("  %s", strings.TrimRight(line, "\n"))
	}
}
