package plan

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// FieldManager is the controller's name in managedFields.
const FieldManager = "grayscale-controller"

// fighter names who undoes what was written, and the rule that would let it be.
func (s Snapshot) fighter(w Written) string {
	at := w.Kind + " " + w.Key.String()
	u := s.object(w)
	often := "less and less often"
	if w.Urgent {
		often = "each time, for routes name its subsets, and every request fails meanwhile"
	}
	if u == nil || w.Gone {
		return fmt.Sprintf("somebody keeps deleting %s, which this release needs; it is made again %s: take the object out of what deletes it until the release ends", at, often)
	}
	who, manager := w.By, w.Manager
	if who == "" {
		manager, who = writer(u)
	}
	return fmt.Sprintf("%s keeps undoing what this release writes on %s, which is written again %s: %s", cmp.Or(who, "somebody"), at, often, ignoring(u, manager))
}

// writer gives the manager who wrote an object last beside us, alone and in words;
// empty where none is known.
func writer(u *unstructured.Unstructured) (manager, by string) {
	if u == nil {
		return "", ""
	}
	e := lastWriter(u)
	if e == nil {
		return "", ""
	}
	return e.Manager, fmt.Sprintf("%s (%s)", e.Manager, e.Operation)
}

// object finds what was written as it stands now.
func (s Snapshot) object(w Written) *unstructured.Unstructured {
	for _, list := range [][]*unstructured.Unstructured{s.VirtualServices, s.DestinationRules, s.Deployments} {
		for _, u := range list {
			if u.GetKind() == w.Kind && keyOf(u) == w.Key {
				return u
			}
		}
	}
	return nil
}

// lastWriter is the latest entry of managedFields that is not ours; the status is
// no content, and its writers fight with nobody.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
func lastWriter(u *unstructured.Unstructured) *metav1.ManagedFieldsEntry {
	var last *metav1.ManagedFieldsEntry
	for _, e := range u.GetManagedFields() {
		if e.Manager == FieldManager || e.Subresource == "status" || e.Time == nil {
			continue
		}
		if last == nil || last.Time.Before(e.Time) {
			last = &e
		}
	}
	return last
}

// managed is the part of each kind that we write.
var managed = map[string]string{"VirtualService": "/spec/http", "DestinationRule": "/spec/subsets", "Deployment": "/spec"}

// ignoring gives the rule to paste, in the words of the tool that writes.
func ignoring(u *unstructured.Unstructured, manager string) string {
	group := u.GroupVersionKind().Group
	switch cmp.Or(workload.Tool(manager), workload.Manager(u)) {
	case workload.ArgoCD:
		// https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/
		return fmt.Sprintf("add to the spec of the Argo CD Application ignoreDifferences: [{group: %s, kind: %s, namespace: %s, name: %s, managedFieldsManagers: [%s]}] and syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]}",
			group, u.GetKind(), u.GetNamespace(), u.GetName(), FieldManager)
	case workload.FluxHelm:
		// https://fluxcd.io/flux/components/helm/helmreleases/#ignore-rules
		return fmt.Sprintf("add to the spec of the HelmRelease driftDetection: {mode: enabled, ignore: [{paths: [%s], target: {group: %s, kind: %s, namespace: %s, name: %s}}]}",
			managed[u.GetKind()], group, u.GetKind(), u.GetNamespace(), u.GetName())
	case workload.Flux:
		// https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
		return "add to the object's annotations in Git, until the release ends, kustomize.toolkit.fluxcd.io/ssa: IfNotPresent"
	default:
		return "stop applying it again until the release ends"
	}
}
