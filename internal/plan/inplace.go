package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// The user may edit a VirtualService mid-way so that not even pins can be said
// in it, by the size of it say. Then traffic is taken back, and our routes are taken
// away, in the copies as they stand.

// calm takes all requests back in a VirtualService whose routes can't be planned
// anew; where some are asked for, it stays as it is.
func (v view) calm(p *Plan, r routing, share intent.Share) {
	if !share.None() {
		return
	}
	pins := map[string]string{}
	for _, name := range route.SubsetsOf(r.vs, v.Key) {
		pins[name] = route.SubsetOriginal
	}
	for _, targets := range v.targets(r.vs) {
		for _, user := range sortedKeys(targets) {
			if target := targets[user]; target.Original != "" {
				pins[target.Version], pins[target.Original] = target.Original, target.Original
			}
		}
	}
	v.write(p, r.vs, route.InPlace(r.vs, v.Key, pins), "takes the requests back from the grayscale version, in our routes as they stand")
}

// stripped is a VirtualService without our routes, those of other releases
// staying, as far as they can be said; else as they stand.
func (v view) stripped(vs *unstructured.Unstructured, moves map[string]string) *unstructured.Unstructured {
	for peers := range route.Ladder(v.peers(vs)) {
		if after, err := route.Apply(route.Retarget(route.Strip(vs), v.Key, moves), peers); err == nil {
			return after
		}
	}
	// What the other releases can't say they tell of by themselves.
	back := map[string]string{}
	for _, targets := range v.targets(vs) {
		for _, user := range sortedKeys(targets) {
			back[targets[user].Original], back[targets[user].Version] = user, user
		}
	}
	return route.Retarget(route.InPlace(vs, v.Key, back), v.Key, moves)
}

// targets are the pairs of our subsets by the user's: those that the copies tell,
// and those that the rules tell, where they differ.
func (v view) targets(vs *unstructured.Unstructured) []route.Subsets {
	out := []route.Subsets{v.rules.Subsets}
	for _, split := range route.Recover(vs) {
		if split.Service == v.Key {
			out = append(out, split.Subsets)
		}
	}
	return out
}
