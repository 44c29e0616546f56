package release

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// DefaultLabels are the version labels that are looked for, in this order,
// after the controller's --version-label.
var DefaultLabels = []string{"version", "app.kubernetes.io/version"}

// World is what stands around a workload in its namespace.
type World struct {
	Services     []Service
	Workloads    []Workload // all Deployments, the original among them
	VersionLabel string     // the controller's --version-label; may be empty
}

// Spec is a release with nothing left to default: what the claim fixes.
type Spec struct {
	Intent   intent.Intent
	Original Workload
	Service  Service
	Versions Versions
	Clone    string
	Images   map[string]string // by container, only those that change
	Finish   intent.Finish
}

// Resolve fills what the intent leaves to the objects, and says all that is
// wrong with asking for it there. i must come from Parse.
func Resolve(i intent.Intent, original Workload, world World) (Spec, intent.Faults) {
	r := resolver{spec: Spec{Intent: i, Original: original}, world: world}
	r.service()
	r.images()
	r.versions()
	r.finish()
	r.name()
	if len(r.faults) == 0 {
		r.size()
	}
	return r.spec, r.faults
}

type resolver struct {
	spec   Spec
	world  World
	faults intent.Faults
}

func (r *resolver) fault(kind intent.Kind, key, value, why, right string) {
	r.faults = append(r.faults, intent.Fault{Kind: kind, At: key, Value: value, Why: why, Right: right})
}

func (r *resolver) service() {
	asked, original := r.spec.Intent.Service, r.spec.Original
	selecting := Selecting(r.world.Services, original)
	names := make([]string, len(selecting))
	for n, s := range selecting {
		names[n] = s.Name
	}
	at := slices.IndexFunc(selecting, func(s Service) bool { return s.Name == asked })
	switch {
	case asked != "" && at < 0:
		r.fault(intent.Invalid, intent.KeyService, asked,
			fmt.Sprintf("is not a Service that selects the pods of Deployment %s", original.Key()), oneOf(names))
	case asked != "":
		r.use(selecting[at])
	case len(selecting) == 0:
		r.fault(intent.Required, intent.KeyService, "",
			fmt.Sprintf("is missing, and no Service selects the pods of Deployment %s", original.Key()), "create one first")
	case len(selecting) > 1:
		r.fault(intent.Required, intent.KeyService, "",
			fmt.Sprintf("is missing, and %d Services select the pods of Deployment %s", len(selecting), original.Key()), oneOf(names))
	default:
		r.use(selecting[0])
	}
}

func oneOf(names []string) string {
	if len(names) == 0 {
		return "no Service selects them: create one first"
	}
	return "write one of " + strings.Join(names, ", ")
}

func (r *resolver) use(s Service) {
	r.spec.Service = s
	at := "Service " + s.Key()
	switch {
	case s.Type == "ExternalName":
		r.fault(intent.Unsupported, at, s.Type, "is a name outside the mesh, whose traffic no route can split", "use a Service of type ClusterIP")
	case s.Headless:
		r.fault(intent.Unsupported, at, "clusterIP: None", "is headless: callers choose a pod by themselves", "use a Service with a cluster IP")
	}
}

func (r *resolver) images() {
	if r.spec.Intent.Image == "" && r.spec.Intent.Patch != "" {
		return
	}
	images, faults := intent.Images(r.spec.Intent.Image, r.spec.Original.Images, r.spec.Original.Main)
	r.spec.Images = images
	r.faults = append(r.faults, faults...)
}

// versionLabelsOf gives the version labels that a pod template has; label
// comes first where it is one of them.
func versionLabelsOf(label string, template map[string]string) []string {
	var keys []string
	for _, key := range append([]string{label}, DefaultLabels...) {
		if _, ok := template[key]; ok && key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (r *resolver) versions() {
	original := r.spec.Original
	keys := versionLabelsOf(r.world.VersionLabel, original.Template)
	if len(keys) == 0 {
		r.fault(intent.Required, "Deployment "+original.Key(), "",
			"has no version label on its pod template, so the two versions could not be told apart", "apply once: "+versionPatch(original))
		return
	}
	v := Versions{Label: keys[0], Original: original.Template[keys[0]], OriginalLabels: original.Template, VersionLabels: keys}
	v.Grayscale = r.grayscale()
	others := r.others(keys[0])
	switch {
	case v.Grayscale == "":
	case v.Grayscale == v.Original:
		r.fault(intent.Invalid, intent.KeyVersion, v.Grayscale,
			fmt.Sprintf("is the version of the original, Deployment %s", original.Key()), "write another one")
	case others[v.Grayscale] != "":
		r.fault(intent.Invalid, intent.KeyVersion, v.Grayscale,
			fmt.Sprintf("is the version of Deployment %s/%s under the same Service", original.Namespace, others[v.Grayscale]), "write another one")
	}
	if twin := others[v.Original]; twin != "" {
		r.fault(intent.Conflict, "Deployment "+original.Namespace+"/"+twin, v.Original,
			fmt.Sprintf("is its version label %s under Service %s, as it is of Deployment %s: a finish would leave it behind", v.Label, r.spec.Service.Key(), original.Key()),
			"give it another version, or take it out of the Service")
	}
	for key := range r.spec.Service.Selector {
		if slices.Contains(keys, key) {
			r.fault(intent.Unsupported, "Service "+r.spec.Service.Key(), key, "is in its selector, so it would never select the grayscale version", "take the version label out of the selector")
		}
	}
	delete(others, v.Original)
	for version := range others {
		v.Others = append(v.Others, version)
	}
	slices.Sort(v.Others)
	r.spec.Versions = v
}

// versionPatch is the ordinary roll-out that a workload without a version
// needs first.
func versionPatch(w Workload) string {
	return fmt.Sprintf(`kubectl -n %s patch deployment %s -p '{"spec":{"template":{"metadata":{"labels":{"version":"v1"}}}}}'`, w.Namespace, w.Name)
}

// grayscale gives the grayscale version: as written, or the changing image's tag.
func (r *resolver) grayscale() string {
	if r.spec.Intent.Version != "" {
		return r.spec.Intent.Version
	}
	tags := map[string]bool{}
	for _, image := range r.spec.Images {
		tags[intent.LabelValue(intent.Tag(image))] = true
	}
	for tag := range tags {
		if len(r.spec.Images) == 1 && tag != "" {
			return tag
		}
	}
	if len(r.spec.Images) == 0 && r.spec.Intent.Patch != "" {
		r.fault(intent.Required, intent.KeyVersion, "", "is missing, and no image changes that it could be taken from", "write the grayscale version, a label value such as v2")
	}
	if len(r.spec.Images) > 0 {
		why := "is missing, and several images change"
		if len(r.spec.Images) == 1 {
			why = "is missing, and the new image has no tag to take it from"
		}
		r.fault(intent.Required, intent.KeyVersion, "", why, "write the grayscale version, a label value such as v2")
	}
	return ""
}

// others gives the versions of the other workloads under the Service, with a
// Deployment for each. The release's own clone is none of them.
func (r *resolver) others(label string) map[string]string {
	return OtherVersions(r.spec.Service, r.world.Workloads, label, r.spec.Original.Name)
}

// OtherVersions gives the versions, by the label, of the Deployments under a
// Service without those named, each with the name of a Deployment that has it.
func OtherVersions(s Service, workloads []Workload, label string, without ...string) map[string]string {
	others := map[string]string{}
	for _, w := range workloads {
		if w.Namespace == s.Namespace && s.Selects(w.Template) && !slices.Contains(without, w.Name) {
			others[w.Template[label]] = w.Name
		}
	}
	return others
}

func (r *resolver) name() {
	original, version := r.spec.Original, r.spec.Versions.Grayscale
	if len(original.Name) > validation.DNS1123LabelMaxLength {
		r.fault(intent.Unsupported, "Deployment "+original.Key(), "",
			fmt.Sprintf("has a name of %d characters, and a label of the clone must hold it", len(original.Name)), "a release needs at most 63")
		return
	}
	name, key := r.spec.Intent.Name, intent.KeyName
	if name == "" {
		if version == "" {
			return // reported already
		}
		name = CloneName(original.Name, r.spec.Versions.Original, version)
		if len(name) > validation.DNS1123LabelMaxLength && r.spec.Finish == intent.Replace {
			r.fault(intent.Invalid, key, name, fmt.Sprintf("would be the clone's name, of %d characters, and as the version that stays it could not be released again", len(name)),
				"write "+key+" with a name of at most 63")
			return
		}
	}
	r.spec.Clone = name
	if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		r.fault(intent.Invalid, key, name, "would be the clone's name and is none", "write a name of a-z 0-9 -")
	}
	for _, s := range r.world.Services {
		claim, err := Claim(s.Annotations, s.UID)
		if err == nil && claim != nil && s.Namespace == original.Namespace && claim.Clone == name && s.Name != r.spec.Service.Name {
			r.fault(intent.Conflict, key, name, fmt.Sprintf("is the clone's name of release %s of Service %s", claim.Task, s.Key()), "write another one for the clone")
		}
	}
	for _, w := range r.world.Workloads {
		if w.Namespace == original.Namespace && w.Name == name {
			r.fault(intent.Conflict, key, name, fmt.Sprintf("is the name of Deployment %s already", w.Key()), "write another one for the clone")
		}
	}
}

// CloneName is the clone's name where none is written: the original's without
// a trailing "-<its version>", plus "-<version as a DNS label>".
func CloneName(original, itsVersion, version string) string {
	base := original
	for _, suffix := range []string{"-" + itsVersion, "-" + intent.DNSLabel(itsVersion)} {
		if short, ok := strings.CutSuffix(original, suffix); ok && short != "" && suffix != "-" {
			base = short
			break
		}
	}
	return base + "-" + intent.DNSLabel(version)
}

// finish chooses how the release ends when the grayscale version stays. A
// selector can't be changed, so an original whose selector holds the version
// label can't take another version.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates
func (r *resolver) finish() {
	fixed := slices.ContainsFunc(r.spec.Versions.VersionLabels, r.spec.Original.SelectsBy)
	r.spec.Finish = r.spec.Intent.Finish
	switch {
	case r.spec.Finish == intent.InPlace && fixed:
		r.fault(intent.Invalid, intent.KeyFinish, string(intent.InPlace),
			fmt.Sprintf("can't be: the selector of Deployment %s holds a version label, and is immutable", r.spec.Original.Key()), "write replace")
	case r.spec.Finish != "":
	case fixed || r.spec.Versions.Label == "":
		r.spec.Finish = intent.Replace
	default:
		r.spec.Finish = intent.InPlace
	}
}
