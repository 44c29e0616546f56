package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// unread is the plan for a Service whose claim can't be read: nothing is changed,
// for touching anything of a release that one knows nothing of could hurt, and
// its owners are told.
func unread(s Snapshot, why error) Plan {
	p := Plan{Refused: []string{"Service " + s.Key.String() + ": " + why.Error()}}
	claim := release.UnreadableOf(why)
	if claim == nil {
		return p
	}
	claim = claim.Among(s.workloads(), release.ServiceOf(s.Service))
	p.Events = on(Event{
		Warning: true, Reason: "Unreadable",
		Message: fmt.Sprintf("release %s: %s: its routes and Deployments stay as they are, until the version that began it is back or annotation %s is removed", claim.Task, claim.Sentence(), intent.AnnotationStatus),
	}, s.Service, s.deployment(claim.Original.Name))
	return p
}

// isUnread says whether a clone may be that of a Service whose claim can't be
// read, as the error says.
func isUnread(err error, service, clone *unstructured.Unstructured) bool {
	claim := release.UnreadableOf(err)
	return claim != nil && claim.Holds(release.WorkloadOf(clone), release.ServiceOf(service))
}
