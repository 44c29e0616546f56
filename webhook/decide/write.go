// Package decide says yes or no to writes of Deployments and VirtualServices.
// It is pure: a write and what stands around it go in, a Verdict or an object
// comes out. What an annotation means is internal/intent's to say, and what a
// release may do is internal/release's; here they are put together.
package decide

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Write is one write of a Deployment as admission sees it.
type Write struct {
	Before     *unstructured.Unstructured // nil: created
	After      *unstructured.Unstructured
	User       string // who asks
	Controller string // the user name of our own controller
}

// Ours says whether our own controller asks.
func (w Write) Ours() bool { return w.User == w.Controller && w.User != "" }

// Verdict is the answer to a write. Without faults it is admitted.
type Verdict struct {
	Faults   intent.Faults
	Warnings []string
	// Yields are what a guard let through because the user accepts it, in sentences
	// that follow a user's name: "changes …".
	Yields []string
}

func (v *Verdict) refuse(faults ...intent.Fault) { v.Faults = append(v.Faults, faults...) }

func (v *Verdict) warn(sentence string) { v.Warnings = append(v.Warnings, sentence) }

// Add joins another verdict on the same write.
func (v *Verdict) Add(o Verdict) {
	v.refuse(o.Faults...)
	v.Warnings = append(v.Warnings, o.Warnings...)
	v.Yields = append(v.Yields, o.Yields...)
}

// guard refuses with faults that can be accepted, or yields where they are.
func (v *Verdict) guard(accepts bool, faults intent.Faults, yield string) {
	switch {
	case len(faults) == 0:
	case accepts:
		v.Yields = append(v.Yields, yield)
	default:
		v.refuse(faults...)
	}
}

// accepts says whether an object's intent accepts a risk, whatever else is in it.
func accepts(u *unstructured.Unstructured, risk intent.Risk) bool {
	if u == nil {
		return false
	}
	i, _ := intent.Parse(intent.Of(u.GetAnnotations()))
	return i.Accepts(risk)
}

// asked gives the intent that an object carries, without who wrote it: that
// is not the writer's to say. A nil object carries none.
func asked(u *unstructured.Unstructured) map[string]string {
	if u == nil {
		return map[string]string{}
	}
	ours := intent.Of(u.GetAnnotations())
	delete(ours, intent.KeyBy)
	return ours
}

// takenOver says whether somebody else has put his name to an intent.
func (w Write) takenOver() bool {
	return !w.Ours() && w.Before != nil && w.Before.GetAnnotations()[intent.KeyBy] != w.After.GetAnnotations()[intent.KeyBy]
}

// marks gives our labels of an object.
func marks(u *unstructured.Unstructured) map[string]string {
	if u == nil {
		return map[string]string{}
	}
	ours := maps.Clone(u.GetLabels())
	maps.DeleteFunc(ours, func(key, _ string) bool { return !strings.HasPrefix(key, intent.Prefix) })
	if ours == nil {
		ours = map[string]string{}
	}
	return ours
}

// Concerns says whether the write is of a clone, or changes or carries an
// intent; of anything else admission says nothing.
func (w Write) Concerns() (clone, original bool) {
	if workload.IsClone(w.Before) || workload.IsClone(w.After) {
		return true, false
	}
	return false, len(asked(w.Before)) > 0 || len(asked(w.After)) > 0
}

func deployment(w release.Workload) string { return "Deployment " + w.Key() }
