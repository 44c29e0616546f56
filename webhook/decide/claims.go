package decide

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Claim is a Service that a release holds.
type Claim struct {
	Service release.Service
	Status  *release.Status // nil where Unreadable says why
	// Unreadable is why the Service's status can't be read, which counts as
	// held: nobody knows by whom.
	Unreadable error
}

// Claims are those of one namespace, by Service name.
type Claims []Claim

// ClaimsOf reads the claims that Services hold. A release that has ended holds
// nothing.
func ClaimsOf(services []release.Service) Claims {
	var claims Claims
	for _, s := range services {
		status, err := release.Claim(s.Annotations, s.UID)
		switch {
		case err != nil:
			claims = append(claims, Claim{Service: s, Unreadable: err})
		case status != nil && !status.Phase.Ended():
			claims = append(claims, Claim{Service: s, Status: status})
		}
	}
	slices.SortFunc(claims, func(a, b Claim) int { return cmp.Compare(a.Service.Name, b.Service.Name) })
	return claims
}

// Holder says in words who holds the Service.
func (c Claim) Holder() string {
	if c.Unreadable != nil {
		return fmt.Sprintf("Service %s is held by a release that can't be read (%v)", c.Service.Key(), c.Unreadable)
	}
	return fmt.Sprintf("Service %s is held by release %s of Deployment %s in namespace %s",
		c.Service.Key(), c.Status.Task, c.Status.Original.Name, c.Service.Namespace)
}

// task is the name of the release that holds the Service; empty where none is known.
func (c Claim) task() string {
	if c.Status == nil {
		return ""
	}
	return c.Status.Task
}

// of gives the claim of a Deployment's own release.
func (cs Claims) of(deployment types.UID) (Claim, bool) {
	return cs.find(func(c Claim) bool { return deployment != "" && c.Status != nil && c.Status.Original.UID == deployment })
}

// on gives the claim that a Service holds.
func (cs Claims) on(service string) (Claim, bool) {
	return cs.find(func(c Claim) bool { return c.Service.Name == service })
}

// task gives the claim of the running release with that name.
func (cs Claims) task(name string) (Claim, bool) {
	return cs.find(func(c Claim) bool { return c.Status != nil && c.Status.Task == name })
}

// clone gives the claim that says that this task has this clone.
func (cs Claims) clone(task, name string) (Claim, bool) {
	return cs.find(func(c Claim) bool { return c.Status != nil && c.Status.Task == task && c.Status.Clone == name })
}

// over gives the claim of a Service that selects pods with these labels.
func (cs Claims) over(pod map[string]string) (Claim, bool) {
	return cs.find(func(c Claim) bool { return c.Service.Selects(pod) })
}

func (cs Claims) find(is func(Claim) bool) (Claim, bool) {
	if n := slices.IndexFunc(cs, is); n >= 0 {
		return cs[n], true
	}
	return Claim{}, false
}

// spent says whether the Service remembers that the task has ended, or was rejected,
// for that Deployment: what another one remembers holds up nothing. A history that
// can't be read remembers nothing: the reconciler reports it.
func spent(spec release.Spec, task string, original release.Workload) bool {
	h, err := release.ParseHistory(spec.Service.Annotations[intent.AnnotationHistory])
	return err == nil && original.UID != "" && h.IsSpent(task, original.UID)
}
