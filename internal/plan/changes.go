package plan

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// keepClone makes the clone what it should be: there, with our labels, and with
// that many replicas.
func (v view) keepClone(p *Plan, replicas int32) {
	if v.clone == nil {
		if v.original == nil || v.taken != "" {
			return
		}
		made, err := workload.Clone(v.original, v.claim, replicas)
		if err != nil {
			p.Refused = append(p.Refused, err.Error())
			return
		}
		p.Changes = append(p.Changes, Change{Action: Create, Object: made, Why: "starts the grayscale version"})
		return
	}
	if v.clone.GetDeletionTimestamp() != nil {
		return // made again when it has gone
	}
	if !workload.IsCloneOf(v.clone, v.claim) {
		marked := workload.Normalize(v.clone, v.claim)
		p.Changes = append(p.Changes, Change{Action: Label, Before: v.clone, Object: marked, Why: "puts back the clone's labels"})
		return
	}
	if v.edited() {
		v.restore(p)
		return
	}
	if v.observation.Clone.Replicas != replicas {
		scaled := v.clone.DeepCopy()
		workload.SetReplicas(scaled, replicas)
		p.Changes = append(p.Changes, Change{Action: Scale, Before: v.clone, Object: scaled, Why: "gives the grayscale version the pods for its share"})
	}
}

// edited says whether the clone's pod template is not the one that was made.
func (v view) edited() bool {
	made := v.claim.Grayscale
	return made.UID == v.clone.GetUID() && release.WorkloadOf(v.clone).TemplateHash != made.Template
}

// restore puts the clone's template back, as long as the original still has the
// one that it was made from.
func (v view) restore(p *Plan) {
	if v.original == nil || release.WorkloadOf(v.original).TemplateHash != v.claim.Original.Template {
		v.cloneEdited(p)
		return
	}
	made, err := workload.Clone(v.original, v.claim, v.observation.Clone.Replicas)
	if err != nil {
		p.Refused = append(p.Refused, err.Error())
		return
	}
	after := v.clone.DeepCopy()
	template, _, _ := unstructured.NestedMap(made.Object, "spec", "template")
	if unstructured.SetNestedMap(after.Object, template, "spec", "template") != nil || same(after, v.clone) {
		v.cloneEdited(p)
		return
	}
	p.Changes = append(p.Changes, Change{Action: Update, Before: v.clone, Object: after, Why: "puts back the clone's pod template"})
}

func (v view) cloneEdited(p *Plan) {
	p.Refused = append(p.Refused, fmt.Sprintf("the pod template of the clone, Deployment %s/%s, was edited, and the original has another one by now: cancel, or undo the edit", v.clone.GetNamespace(), v.clone.GetName()))
}

func (v view) remove(p *Plan, u *unstructured.Unstructured, why string) {
	if u != nil && u.GetDeletionTimestamp() == nil {
		p.Changes = append(p.Changes, Change{Action: Delete, Before: u, Why: why})
	}
}

// updateOriginal gives the original the grayscale version's template.
func (v view) updateOriginal(p *Plan) {
	after, err := workload.Renewed(v.original, v.claim)
	if err != nil {
		p.Refused = append(p.Refused, err.Error())
		return
	}
	p.Changes = append(p.Changes, Change{Action: Update, Before: v.original, Object: after, Release: true, Why: "gives the original the grayscale version's pod template"})
}

func (v view) freeClone(p *Plan) {
	if v.clone != nil && v.observation.Clone.Labelled {
		p.Changes = append(p.Changes, Change{Action: Update, Before: v.clone, Object: workload.Freed(v.clone), Release: true, Why: "makes the grayscale version an ordinary Deployment"})
	}
}

// strip takes our routes out of every VirtualService, those of other releases
// staying; with moves, the user's own routes name the grayscale version's
// subset after the same write.
func (v view) strip(p *Plan, moves map[string]string) {
	for _, r := range v.routes {
		v.stripOne(p, r, moves)
	}
}

func (v view) stripOne(p *Plan, r routing, moves map[string]string) {
	if r.own {
		v.remove(p, r.vs, "takes our VirtualService away")
	} else if after := v.stripped(r.vs, moves); !same(r.vs, after) {
		p.Changes = append(p.Changes, Change{Action: Update, Before: r.vs, Object: after, Release: !route.HasOurs(after), Why: "takes our routes away"})
	}
}

// forget takes the intent that the release acted on from the original and from
// its ReplicaSets, where kubectl rollout undo would find it again.
func (v view) forget(p *Plan) {
	if v.original == nil || v.original.GetUID() != v.claim.Original.UID {
		return
	}
	for n, u := range append([]*unstructured.Unstructured{v.original}, v.ReplicaSets...) {
		// Where release alone was removed, the rest would be the next one's. In a
		// ReplicaSet it starts nothing, and would be copied there again.
		if task, asked := u.GetAnnotations()[intent.KeyRelease]; (task == v.claim.Task || !asked && n == 0) && !same(u, Forgotten(u)) {
			p.Changes = append(p.Changes, Change{Action: Forget, Before: u, Object: Forgotten(u), Why: "takes the intent away that has been carried out"})
		}
	}
}

// Forgotten gives an object without the intent's annotations.
func Forgotten(u *unstructured.Unstructured) *unstructured.Unstructured {
	out := u.DeepCopy()
	annotations := out.GetAnnotations()
	for _, key := range intent.Keys {
		delete(annotations, key)
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	out.SetAnnotations(annotations)
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
