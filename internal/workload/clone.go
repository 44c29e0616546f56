// Package workload makes the grayscale version's Deployment, a clone of the
// original that differs in its name, its versions and what the release
// changes. It is pure.
package workload

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Clone gives the clone as it is to be created, with that many replicas.
// Everything of the original's spec is kept, fields unknown to us too, but not
// that its rollout is paused: a Deployment that starts paused makes no pods. It
// fails when the release's patch does not fit the template.
//
// Where the release finishes in place the clone's pods have an annotation of ours:
// the original gets the same template then, and pods of equal templates have equal
// labels, by which no proxy could prefer the one to the other.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
func Clone(original *unstructured.Unstructured, s *release.Status, replicas int32) (*unstructured.Unstructured, error) {
	spec, _, _ := unstructured.NestedMap(original.Object, "spec") // a deep copy
	delete(spec, "paused")
	c := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	c.SetAPIVersion(original.GetAPIVersion())
	c.SetKind(original.GetKind())
	c.SetNamespace(original.GetNamespace())
	c.SetName(s.Clone)
	c.SetLabels(original.GetLabels())
	c.SetAnnotations(original.GetAnnotations())
	SetReplicas(c, replicas)
	if err := change(c, s); err != nil {
		return nil, err
	}
	if s.Finish == intent.InPlace {
		mark(c, s)
	}
	return Normalize(c, s), nil
}

// mark gives a Deployment's pods the annotation of a clone's that finishes in place.
func mark(d *unstructured.Unstructured, s *release.Status) {
	set(d, s.Task, "spec", "template", "metadata", "annotations", intent.LabelTask)
}

// Normalize gives a clone with the labels that tell it from its original, and
// without what a copy must not carry. It is idempotent: the webhook runs it on
// whatever the controller creates.
func Normalize(clone *unstructured.Unstructured, s *release.Status) *unstructured.Unstructured {
	c := clone.DeepCopy()
	pods, _, _ := unstructured.NestedStringMap(c.Object, "spec", "template", "metadata", "labels")
	keys := s.Versions(pods, nil).VersionLabels

	labels := without(c.GetLabels(), foreignLabel)
	for _, key := range keys {
		if _, ok := labels[key]; ok {
			labels[key] = s.Grayscale.Version
		}
	}
	labels[intent.LabelTask], labels[intent.LabelOf] = s.Task, s.Original.Name
	c.SetLabels(labels)
	c.SetAnnotations(nilIfEmpty(without(c.GetAnnotations(), foreignAnnotation)))

	for _, key := range keys {
		set(c, s.Grayscale.Version, "spec", "template", "metadata", "labels", key)
	}
	selects := release.WorkloadOf(c).SelectsBy
	for _, key := range keys {
		if key == s.Label || selects(key) {
			set(c, s.Grayscale.Version, "spec", "selector", "matchLabels", key)
		}
	}
	dropExpressions(c, keys)
	return c
}

// dropExpressions takes from a Deployment's selector what expressions say of these
// labels. Where matchLabels has a label's one value an expression of it says
// nothing more, or that the Deployment selects no pod.
func dropExpressions(d *unstructured.Unstructured, keys []string) {
	path := []string{"spec", "selector", "matchExpressions"}
	all, ok, _ := unstructured.NestedSlice(d.Object, path...)
	if !ok {
		return
	}
	all = slices.DeleteFunc(all, func(e any) bool {
		expression, _ := e.(map[string]any)
		return slices.Contains(keys, asString(expression["key"]))
	})
	if len(all) == 0 {
		unstructured.RemoveNestedField(d.Object, path...)
		return
	}
	if err := unstructured.SetNestedSlice(d.Object, all, path...); err != nil {
		panic(err) // a list was there
	}
}

// Freed gives the clone without our labels: an ordinary Deployment.
func Freed(clone *unstructured.Unstructured) *unstructured.Unstructured {
	c := clone.DeepCopy()
	labels := c.GetLabels()
	delete(labels, intent.LabelTask)
	delete(labels, intent.LabelOf)
	c.SetLabels(nilIfEmpty(labels))
	return c
}

// IsClone says whether the labels say that a Deployment is a grayscale version: one
// of the two is enough, for nobody else has a use for either. Nil is none.
func IsClone(d *unstructured.Unstructured) bool {
	if d == nil {
		return false
	}
	_, task := d.GetLabels()[intent.LabelTask]
	_, of := d.GetLabels()[intent.LabelOf]
	return task || of
}

// TakesPart says whether a Deployment asks for a release, or is a clone by its
// labels. Admission lets nobody make one that does so in vain.
func TakesPart(d *unstructured.Unstructured) bool {
	return IsClone(d) || intent.Starts(d.GetAnnotations())
}

// IsCloneOf says whether a Deployment is that release's clone by its labels.
func IsCloneOf(d *unstructured.Unstructured, s *release.Status) bool {
	labels := d.GetLabels()
	return s.Task != "" && labels[intent.LabelTask] == s.Task && labels[intent.LabelOf] == s.Original.Name
}

// SetReplicas writes spec.replicas.
func SetReplicas(d *unstructured.Unstructured, replicas int32) {
	if err := unstructured.SetNestedField(d.Object, int64(replicas), "spec", "replicas"); err != nil {
		panic(err) // spec is a map in every Deployment that the API server serves
	}
}

func set(d *unstructured.Unstructured, value string, path ...string) {
	if err := unstructured.SetNestedField(d.Object, value, path...); err != nil {
		panic(err) // as above, for the label maps
	}
}

func setImages(d *unstructured.Unstructured, images map[string]string) {
	for _, list := range []string{"containers", "initContainers"} {
		containers, ok, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", list)
		if !ok {
			continue
		}
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				if image, ok := images[asString(m["name"])]; ok {
					m["image"] = image
				}
			}
		}
		if err := unstructured.SetNestedSlice(d.Object, containers, "spec", "template", "spec", list); err != nil {
			panic(err)
		}
	}
}

func asString(v any) string {
	s, _ := v.(string)
	return s
}

// Who keeps track of objects by what stands on them. A clone that carried it
// would be pruned, or counted as drift.
var (
	foreignPrefixes = []string{
		intent.Prefix, "argocd.argoproj.io/", "meta.helm.sh/", "helm.sh/",
		"kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "fluxcd.io/",
	}
	foreignAnnotations = []string{"deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"}
	// Argo CD's label tracking uses the instance label, Helm's the manager's.
	// https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
	foreignLabels = []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by"}
)

func foreignAnnotation(key string) bool {
	return hasPrefix(key) || slices.Contains(foreignAnnotations, key)
}

func foreignLabel(key string) bool { return hasPrefix(key) || slices.Contains(foreignLabels, key) }

func hasPrefix(key string) bool {
	return slices.ContainsFunc(foreignPrefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

func without(m map[string]string, drop func(string) bool) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}
	maps.DeleteFunc(out, func(key, _ string) bool { return drop(key) })
	return out
}

func nilIfEmpty(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
