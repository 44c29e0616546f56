package plan

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// keepClone makes the clone what it should be: there, with our labels, and with
// that many replicas.
func (v view) keepClone(p *Plan, replicas int32) {
	if v.clone == nil {
		if v.original == nil {
			return
		}
		made := workload.Clone(v.original, v.claim, replicas)
		p.Changes = append(p.Changes, Change{Action: Create, Object: made, Why: "starts the grayscale version"})
		return
	}
	if v.clone.GetDeletionTimestamp() != nil {
		return // made again when it has gone
	}
	if v.observation.Clone.Replicas != replicas {
		scaled := v.clone.DeepCopy()
		workload.SetReplicas(scaled, replicas)
		p.Changes = append(p.Changes, Change{Action: Scale, Before: v.clone, Object: scaled, Why: "gives the grayscale version the pods for its share"})
	}
}

func (v view) remove(p *Plan, u *unstructured.Unstructured, why string) {
	if u != nil && u.GetDeletionTimestamp() == nil {
		p.Changes = append(p.Changes, Change{Action: Delete, Before: u, Why: why})
	}
}

func (v view) freeClone(p *Plan) {
	if v.clone != nil && v.observation.Clone.Labelled {
		p.Changes = append(p.Changes, Change{Action: Update, Before: v.clone, Object: workload.Freed(v.clone), Why: "makes the grayscale version an ordinary Deployment"})
	}
}

// strip takes our routes out of every VirtualService, those of other releases
// staying; with moves, the user's own routes name the grayscale version's
// subset after the same write.
func (v view) strip(p *Plan, moves map[string]string) {
	for _, r := range v.routes {
		if r.own {
			v.remove(p, r.vs, "takes our VirtualService away")
			continue
		}
		peers := v.peers(r.vs)
		after, err := route.Apply(route.Retarget(route.Strip(r.vs), v.Key, moves), peers)
		if err != nil {
			p.Refused = append(p.Refused, err.Error())
			continue
		}
		if !same(r.vs, after) {
			p.Changes = append(p.Changes, Change{Action: Update, Before: r.vs, Object: after, Release: len(peers) == 0, Why: "takes our routes away"})
		}
	}
}

// forget takes the intent that the release acted on from the original and from
// its ReplicaSets, where kubectl rollout undo would find it again.
func (v view) forget(p *Plan) {
	if v.original == nil || v.original.GetUID() != v.claim.Original.UID {
		return
	}
	for _, u := range append([]*unstructured.Unstructured{v.original}, v.ReplicaSets...) {
		if u.GetAnnotations()[intent.KeyRelease] == v.claim.Task {
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
