package snapshot

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Slim drops of an object what no plan is made from: an object may have 256 KiB of
// annotations and be of 1.5 MB, and whoever may write some decides how many there
// are. What is left of a VirtualService, a DestinationRule, and a Deployment that is
// part of a release can be written back; of other objects it is a remnant.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
func Slim(u *unstructured.Unstructured) {
	if slim, ok := slims[u.GroupVersionKind().GroupKind()]; ok {
		slim(u)
		return
	}
	others(u)
}

var slims = map[schema.GroupKind]func(*unstructured.Unstructured){
	Deployments.GroupKind():      deployment,
	EndpointSlices.GroupKind():   slice,
	Pods.GroupKind():             pod,
	VirtualServices.GroupKind():  istio,
	DestinationRules.GroupKind(): istio,
}

// others keeps of an object of any other kind, a Service say, what it asks for, and
// of its annotations ours.
func others(u *unstructured.Unstructured) {
	bare(u)
	delete(u.Object, "status")
}

// bare drops of metadata what is other people's.
func bare(o metav1.Object) {
	o.SetManagedFields(nil)
	if annotations := o.GetAnnotations(); annotations != nil {
		if annotations = intent.Of(annotations); len(annotations) == 0 {
			annotations = nil
		}
		o.SetAnnotations(annotations)
	}
}

func pod(u *unstructured.Unstructured) {
	bare(u)
	delete(u.Object, "spec")
}

func istio(u *unstructured.Unstructured) {
	managers(u)
	delete(u.Object, "status")
}

// managers keeps of managedFields who wrote and when: it tells who fights with us,
// and what we have not let go of. The fields themselves are the larger part. The
// API server keeps all of it when an update lacks managedFields.
func managers(u *unstructured.Unstructured) {
	entries := u.GetManagedFields()
	for n := range entries {
		entries[n].FieldsType, entries[n].FieldsV1 = "", nil
	}
	u.SetManagedFields(entries)
}

// deployment keeps a Deployment whole where it asks for a release or is a clone,
// but of its status only the counts of its roll-out. Of others only labels,
// replicas and our annotations matter; such a remnant is never written back.
func deployment(u *unstructured.Unstructured) {
	managers(u)
	if workload.TakesPart(u) {
		keep(u, "status", counts...)
		return
	}
	entries := u.GetManagedFields()
	others(u)
	if slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == plan.FieldManager }) {
		u.SetManagedFields(entries)
	}
	kept := map[string]any{}
	for _, path := range [][]string{
		{"spec", "replicas"}, {"spec", "selector"}, {"spec", "template", "metadata", "labels"},
	} {
		if value, ok, _ := unstructured.NestedFieldNoCopy(u.Object, path...); ok {
			_ = unstructured.SetNestedField(kept, value, path...) // kept holds maps alone
		}
	}
	u.Object["spec"] = kept["spec"]
}

// counts are the fields of a Deployment's status that say whether its roll-out is
// complete.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
var counts = []string{"observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"}

// keep leaves of a map of an object the fields that are named.
func keep(u *unstructured.Unstructured, field string, names ...string) {
	all, ok := u.Object[field].(map[string]any)
	if !ok {
		return
	}
	kept := map[string]any{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			kept[name] = value
		}
	}
	u.Object[field] = kept
}

// slice keeps of an EndpointSlice which pods are ready, and the addresses that are
// no pod's.
func slice(u *unstructured.Unstructured) {
	bare(u)
	delete(u.Object, "ports")
	endpoints, _, _ := unstructured.NestedSlice(u.Object, "endpoints")
	for n, e := range endpoints {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if kind, _, _ := unstructured.NestedString(m, "targetRef", "kind"); kind == Pods.Kind {
			m["addresses"] = []any{}
		}
		endpoints[n] = map[string]any{"conditions": m["conditions"], "targetRef": m["targetRef"], "addresses": m["addresses"]}
	}
	u.Object["endpoints"] = endpoints
}
