package plan

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// disown drops what a controller that died between the last write of an object
// and the write that lets go of it has left: an entry of ours in managedFields
// of what is the user's alone again. Only the pass that closes the claim asks.
func (v view) disown(p *Plan) {
	users := slices.Clone(v.VirtualServices)
	users = slices.DeleteFunc(users, func(vs *unstructured.Unstructured) bool { return route.Ours(vs) || len(route.Read(vs)) > 0 })
	for _, rule := range v.DestinationRules {
		if !route.Ours(rule) {
			users = append(users, rule)
		}
	}
	for _, d := range []*unstructured.Unstructured{v.original, v.clone} {
		if d != nil && d.GetDeletionTimestamp() == nil && !workload.IsClone(d) {
			users = append(users, d)
		}
	}
	for _, u := range users {
		if owned(u) {
			p.Changes = append(p.Changes, Change{Action: Disown, Before: u, Why: "lets go of the fields that it wrote"})
		}
	}
}

// owned says whether our manager has an entry for the object's content.
func owned(u *unstructured.Unstructured) bool {
	return slices.ContainsFunc(u.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == FieldManager })
}
