package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Whoever writes an intent may edit the VirtualServices that it moves: the webhook
// asks for that right at the write. One that appears in another namespace later
// was not asked for. So it is pinned, by the controller's own right, and takes part
// from the next write of the intent. The status keeps what the last one reached.

// reach gives the VirtualServices of other namespaces than the Service's, as
// namespace/name, that an intent moves which is written now, in order: those that
// its writer needs the right to update.
func reach(s Snapshot) (names []string) {
	for _, vs := range s.VirtualServices {
		if vs.GetNamespace() != s.Key.Namespace && !route.Ours(vs) && slices.Contains(route.References(vs), s.Key) {
			names = append(names, fullName(vs))
		}
	}
	slices.Sort(names)
	return names
}

// TooFar says so where an intent that is written now would move more of them than a
// status has room for.
func TooFar(s Snapshot) intent.Faults {
	names := reach(s)
	if len(names) <= release.MostReach {
		return nil
	}
	return intent.Faults{{
		Kind: intent.Conflict, At: "Service " + s.Key.String(),
		Why:   fmt.Sprintf("has routes in %d VirtualServices of other namespaces, from %s to %s, and a release can move %d at most", len(names), names[0], names[len(names)-1], release.MostReach),
		Right: "delegate those routes to fewer; no risk can be accepted here",
	}}
}

func fullName(vs *unstructured.Unstructured) string { return vs.GetNamespace() + "/" + vs.GetName() }

// reached gives the intent that was written last, as a hash, and what it reaches.
func (v view) reached() (written string, names release.Reach) {
	if v.original == nil || v.original.GetUID() != v.claim.Original.UID || !intent.Starts(v.original.GetAnnotations()) {
		return v.claim.Intent, v.claim.Reach
	}
	written = release.Written(v.original.GetAnnotations())
	if written == v.claim.Intent {
		return written, v.claim.Reach
	}
	return written, release.ReachOf(reach(v.Snapshot))
}

// late says whether a VirtualService appeared in another namespace after the last
// write of the intent.
func (v view) late(vs *unstructured.Unstructured) bool {
	return vs.GetNamespace() != v.Key.Namespace && !v.reach.Has(fullName(vs))
}

// pinnable says whether the original can serve what is pinned to it: where it has
// no pods, or never will again, the policy holds for all.
func (v view) pinnable() bool { return !v.pastReturn() && v.theOriginalSide().Ready > 0 }

// lateOnes names those that are.
func (v view) lateOnes() string {
	var names []string
	for _, r := range v.routes {
		if v.pins && v.late(r.vs) {
			names = append(names, objectName(r.vs))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s came to another namespace after the intent was written, so the requests there stay with the original version: change the intent once more, as somebody who may update it", strings.Join(names, ", "))
}
