// Package release holds what a release is and what it should do next: its
// phases, its status (which is the claim on the Service), its history, and the
// decisions between them. It is pure: it reads no cluster and no clock.
package release

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
)

// Schema is the version of the status' JSON that this code writes.
const Schema = 1

// Status is one release as it stands on its Service, in the annotation
// grayscale.dev/status. Its presence with the Service's own UID is the claim.
type Status struct {
	Schema    int           `json:"schema"`
	Task      string        `json:"task"`
	Form      intent.Form   `json:"form"`
	Phase     Phase         `json:"phase"`
	Finish    intent.Finish `json:"finish"`
	Service   Ref           `json:"service"`
	Clone     string        `json:"clone"`
	Label     string        `json:"label"` // the pod label that tells the versions apart
	Original  Version       `json:"original"`
	Grayscale Version       `json:"grayscale"`
	Policy    Policy        `json:"policy"` // as asked
	// Intent is the hash of the intent that was acted on last, and Reach stands for
	// the VirtualServices of other namespaces that it moves: what appears there later
	// is pinned until the intent is written again.
	Intent     string             `json:"intent,omitempty"`
	Reach      Reach              `json:"reach,omitempty"`
	Live       *Live              `json:"live,omitempty"`   // as read back; nil while no route is ours
	Peak       int32              `json:"peak"`             // highest replicas of the original since the claim
	Strict     string             `json:"strict,omitempty"` // why Envoy can't fail over by itself; empty when it can
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	Steps      Steps              `json:"steps,omitempty"`
	Started    time.Time          `json:"started"`
	Ended      *time.Time         `json:"ended,omitempty"`
	By         string             `json:"by,omitempty"`
	Message    string             `json:"message,omitempty"` // why it ended so
}

// Ref names an object of the Service's namespace.
type Ref struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid"`
}

// Version is one of the two versions.
type Version struct {
	Name     string            `json:"name"`          // the Deployment's
	UID      types.UID         `json:"uid,omitempty"` // the Deployment's
	Version  string            `json:"version"`       // the version label's value
	Images   map[string]string `json:"images"`        // by container: all for the original, those that change for the grayscale version
	Ready    int32             `json:"ready"`         // endpoints of the Service that take requests
	Replicas int32             `json:"replicas"`
	Template string            `json:"template,omitempty"` // hash of the pod template: the original's at the claim, the clone's when it was made
	// Labels are the version labels of the original's pods: they must be known
	// when the original is gone.
	Labels map[string]string `json:"labels,omitempty"`
	// Patch is the strategic merge patch of the pod template that makes the
	// grayscale version, beside the images; as it was written.
	Patch string `json:"patch,omitempty"`
}

// Policy is what was asked.
type Policy struct {
	Weight   intent.Weight  `json:"weight"`
	Match    []content.Rule `json:"match,omitempty"`
	Mirror   intent.Weight  `json:"mirror,omitempty"`
	Traffic  intent.Traffic `json:"traffic"`
	End      intent.End     `json:"end,omitempty"`
	Replicas int32          `json:"replicas,omitempty"` // 0: auto
}

// Live is what the VirtualServices say.
type Live struct {
	Weight  intent.Weight  `json:"weight"`            // the least share that a route gives the grayscale version
	Most    intent.Weight  `json:"most"`              // the largest
	Routes  int            `json:"routes"`            // routes of ours
	Content int            `json:"content,omitempty"` // those of them by request content
	Match   []content.Rule `json:"match,omitempty"`   // the rules that they say; none where they are too long beside those asked for
	AsAsked bool           `json:"asAsked,omitempty"` // in the annotation: the rules are those of the policy, and are not written twice
	Mirror  intent.Weight  `json:"mirror,omitempty"`  // the share of the original's requests that is copied
}

// Steps are the times at which something was first seen done.
type Steps map[Step]time.Time

// Step names a moment of a release.
type Step string

// The steps beside the phases, which are steps too.
const (
	StepPinned   Step = "Pinned"   // every route that needs it is pinned to the original
	StepDrain    Step = "Drain"    // the loser has no more traffic, and drains
	StepGone     Step = "Gone"     // no EndpointSlice holds a pod of the loser
	StepYield    Step = "Yield"    // the original's new pods are preferred to the clone's
	StepStripped Step = "Stripped" // no route of ours is left
	StepTooLate  Step = "TooLate"  // a cancel was asked that comes too late
)

// At gives the time of a step, zero when it has not happened.
func (s Steps) At(step Step) time.Time { return s[step] }

// Done says whether a step has happened.
func (s Steps) Done(step Step) bool { _, ok := s[step]; return ok }

// Leave forgets the steps that mean nothing in the next phase: those of an end
// that was taken back and, where the release begins anew, those of its start.
func (s *Status) Leave(next Phase) {
	for _, step := range []Step{StepDrain, StepYield, StepGone, StepStripped} {
		delete(s.Steps, step)
	}
	if next == Pending {
		delete(s.Steps, StepPinned)
		delete(s.Steps, Step(Ready))
	}
}

// Written is the hash of the intent in a Deployment's annotations: another one
// after every write that changes it.
func Written(annotations map[string]string) string { return hash(intent.Of(annotations)) }

// Asked is the share that was asked for, form, traffic and end counted in.
func (s *Status) Asked() intent.Share { return s.Policy.Asked(s.Form) }

// Begin is the claim of a release that starts now.
func Begin(spec Spec, now time.Time) *Status {
	o, labels := spec.Original, map[string]string{}
	for _, key := range spec.Versions.VersionLabels {
		labels[key] = o.Template[key]
	}
	return &Status{
		Schema: Schema, Task: spec.Intent.Release, Form: spec.Intent.Form, Phase: Pending, Finish: spec.Finish,
		Service: Ref{Name: spec.Service.Name, UID: spec.Service.UID}, Clone: spec.Clone, Label: spec.Versions.Label,
		Original:  Version{Name: o.Name, UID: o.UID, Version: spec.Versions.Original, Images: o.Images, Replicas: o.Replicas, Template: o.TemplateHash, Labels: labels},
		Grayscale: Version{Name: spec.Clone, Version: spec.Versions.Grayscale, Images: spec.Images, Patch: spec.Intent.Patch},
		Policy:    PolicyOf(spec.Intent), Intent: Written(o.Annotations),
		Peak: o.Replicas, Started: now, By: spec.Intent.By, Steps: Steps{Step(Pending): now},
	}
}

// ParseStatus reads the annotation. The error names what is wrong with it.
func ParseStatus(value string) (*Status, error) {
	var s Status
	err := json.Unmarshal([]byte(value), &s)
	// Another schema may have fields of other types, and is what to tell of then.
	if schema := schemaOf(value); schema != "" && schema != strconv.Itoa(Schema) || err == nil && schema == "" {
		return nil, fmt.Errorf("annotation %s has schema %s, this version reads %d: upgrade or end the release with the version that began it", intent.AnnotationStatus, cmp.Or(schema, "0"), Schema)
	}
	if err != nil {
		return nil, fmt.Errorf("annotation %s is not readable: %w", intent.AnnotationStatus, err)
	}
	if s.Live != nil && s.Live.AsAsked {
		s.Live.Match, s.Live.AsAsked = slices.Clone(s.Policy.Match), false
	}
	return &s, nil
}

// Claim gives the claim that a Service's annotations hold. A claim that names
// another UID is a copy on a Service made anew, and counts as none. An error is
// an Unreadable: somebody holds the Service, and this version can't read how.
func Claim(annotations map[string]string, service types.UID) (*Status, error) {
	value, ok := annotations[intent.AnnotationStatus]
	if !ok {
		return nil, nil
	}
	s, err := ParseStatus(value)
	if err != nil {
		u := unreadable(value, err)
		if u.Service.UID != "" && u.Service.UID != service {
			return nil, nil
		}
		return nil, u
	}
	if s.Service.UID != service {
		return nil, nil
	}
	return s, nil
}

// Versions says how this release tells the versions apart. template are the
// labels of the original's pod template, others the further versions.
func (s *Status) Versions(template map[string]string, others []string) Versions {
	v := Versions{
		Label: s.Label, Original: s.Original.Version, Grayscale: s.Grayscale.Version,
		OriginalLabels: template, Others: others,
	}
	v.VersionLabels = versionLabelsOf(s.Label, template)
	return v
}

// DeepCopy gives a copy that shares nothing.
func (s *Status) DeepCopy() *Status {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // every field is plain data
	}
	var c Status
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	return &c
}

// Until is the status as it was by that time. A step that was noted later was so by
// another controller's clock, which was ahead: it counts from now, for nobody knows
// since when it was done.
func (s *Status) Until(now time.Time) *Status {
	out := *s
	out.Steps = maps.Clone(s.Steps)
	for step, at := range out.Steps {
		if at.After(now) {
			out.Steps[step] = now
		}
	}
	return &out
}
