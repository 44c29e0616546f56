package plugin

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// unread is the release that holds a Service by a claim which this version can't
// read, as far as can be told: by the claim, by the labels of its grayscale version
// or, where both say nothing, by the Deployment that asks for it.
func (s scene) unread(service *unstructured.Unstructured, claim *release.Unreadable) found {
	claim = claim.Among(s.workloads(), release.ServiceOf(service))
	f := found{task: claim.Task, service: service, claimed: true, unreadable: claim}
	if claim.Original.Name != "" {
		f.deployment = s.deployment(service.GetNamespace(), claim.Original.Name)
	}
	for _, d := range s.deployments {
		task := d.GetAnnotations()[intent.KeyRelease]
		if f.task == "" && task != "" && !workload.IsClone(d) && s.askedFor(task, d).service == service {
			f.task, f.deployment = task, d
		}
	}
	f.status = &release.Status{
		Schema: release.Schema, Task: f.task, Clone: claim.Clone, Message: claim.Error(),
		Service:   release.Ref{Name: service.GetName(), UID: service.GetUID()},
		Original:  release.Version{Name: claim.Original.Name, UID: claim.Original.UID},
		Grayscale: release.Version{Name: claim.Clone},
	}
	if f.deployment != nil {
		f.status.Original.Name, f.status.Original.UID = f.deployment.GetName(), f.deployment.GetUID()
	}
	f.broken = f.hopeless()
	return f
}

// unread says how the release stands, where its claim can't be read.
func (f found) unread() string {
	if f.unreadable == nil {
		return ""
	}
	return f.unreadable.Sentence()
}

// hopeless is the error of whoever wants something of such a release: it names the
// ways out.
func (f found) hopeless() error {
	name := f.namespace() + "/" + f.service.GetName()
	var b strings.Builder
	fmt.Fprintf(&b, "release %s of Service %s is %s, which can change nothing of it", cmp.Or(f.task, "(without a name)"), name, f.unreadable.Sentence())
	if f.unreadable.Damaged() {
		fmt.Fprintf(&b, ": %v", f.unreadable)
	}
	b.WriteString("\nInstall the version that began it, and end it there; or take its claim away, as a cluster administrator. Then the controller leads the traffic back to the original, and removes what is left of the release:")
	if f.deployment != nil {
		fmt.Fprintf(&b, "\n  kubectl -n %s annotate deployment/%s %s-", f.namespace(), f.deployment.GetName(), intent.KeyRelease)
	}
	fmt.Fprintf(&b, "\n  kubectl -n %s annotate service/%s %s-", f.namespace(), f.service.GetName(), intent.AnnotationStatus)
	return fmt.Errorf("%s", b.String())
}
