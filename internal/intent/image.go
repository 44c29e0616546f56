package intent

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
)

// onlyTag is a tag as the OCI distribution specification has it.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
var onlyTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

func (p *parser) image() {
	value, ok := p.in[KeyImage]
	if !ok {
		return // whether one is needed is Images' to say: a patch may stand for it
	}
	if _, err := references(value); err != nil {
		p.fault(Invalid, KeyImage, value, err.Error(), "write tag, repo:tag, repo@sha256:…, or container=ref,container=ref")
	}
}

// references reads "ref" (under the empty name) or "container=ref,…".
func references(value string) (map[string]string, error) {
	refs := map[string]string{}
	for _, part := range strings.Split(value, ",") {
		container, ref, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			container, ref = "", container
		}
		if named && container == "" {
			return nil, fmt.Errorf("has a reference without a container")
		}
		if _, twice := refs[container]; twice {
			return nil, fmt.Errorf("names container %q twice", container)
		}
		if err := isReference(ref); err != nil {
			return nil, err
		}
		refs[container] = ref
	}
	if _, plain := refs[""]; plain && len(refs) > 1 {
		return nil, fmt.Errorf("mixes a plain reference with container=ref")
	}
	return refs, nil
}

func isReference(ref string) error {
	if onlyTag.MatchString(ref) {
		return nil
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return fmt.Errorf("holds %q, which is no image reference", clip.Text(ref, mostValue))
	}
	if reference.IsNameOnly(named) {
		return fmt.Errorf("holds %q, which has neither tag nor digest", clip.Text(ref, mostValue))
	}
	return nil
}

// Images gives the new image of every container whose image changes. value is
// the annotation's; current is the image by container, init containers too; main
// are the containers that are none.
// A value that changes nothing is a fault, for it would make two equal versions.
func Images(value string, current map[string]string, main []string) (map[string]string, Faults) {
	bad := func(why, right string) (map[string]string, Faults) {
		return nil, Faults{{Kind: Invalid, At: KeyImage, Value: value, Why: why, Right: right}}
	}
	if value == "" {
		return nil, Faults{{Kind: Required, At: KeyImage, Why: "is missing, so the versions would not differ", Right: "write the new image's tag, or other settings in " + KeyPatch}}
	}
	refs, err := references(value)
	if err != nil {
		return nil, nil // Parse has reported it
	}
	changed := map[string]string{}
	for _, container := range slices.Sorted(maps.Keys(refs)) {
		target, why := targetOf(container, refs[container], current, main)
		if why != "" {
			return bad(why, "write container=ref with one of "+strings.Join(slices.Sorted(maps.Keys(current)), ", "))
		}
		if image := retag(current[target], refs[container]); image != current[target] {
			changed[target] = image
		}
	}
	if len(changed) == 0 {
		return bad("is the image that runs already", "write another one")
	}
	return changed, nil
}

// targetOf finds the container that a reference is for. One that names none is for
// the only container of its repository, init containers counted in; a tag is for the
// only one that is no init container, and so is what nobody has the repository of.
// But where an init container is of that one's repository it may be meant as well,
// for it is often another command of the same program.
func targetOf(container, ref string, current map[string]string, main []string) (name, why string) {
	if container != "" {
		if _, ok := current[container]; !ok {
			return "", fmt.Sprintf("names container %q, which the workload lacks", container)
		}
		return container, ""
	}
	repo := ""
	switch {
	case !onlyTag.MatchString(ref):
		repo = repository(ref)
	case len(main) == 1:
		repo = repository(current[main[0]])
	}
	var same []string
	for name, image := range current {
		if repo != "" && repository(image) == repo {
			same = append(same, name)
		}
	}
	switch {
	case len(same) == 1:
		return same[0], ""
	case len(main) == 1 && len(same) == 0:
		return main[0], ""
	}
	return "", fmt.Sprintf("does not say which of %d containers it is for", len(current))
}

// retag puts a plain tag on the current image's repository.
func retag(current, ref string) string {
	if !onlyTag.MatchString(ref) {
		return ref
	}
	name, _, _ := strings.Cut(current, "@")
	if slash := strings.LastIndex(name, "/"); strings.Contains(name[slash+1:], ":") {
		name = name[:strings.LastIndex(name, ":")]
	}
	return name + ":" + ref
}

func repository(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return named.Name()
}

// Tag gives the tag of an image reference, empty where there is only a digest
// or none.
func Tag(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	if tagged, ok := named.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}
