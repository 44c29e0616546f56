package plan_test

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// admitted is what a mutating policy makes of the controller's write of an object
// of ours: the API server notes all of it as the controller's.
func (c *cluster) admitted(u *unstructured.Unstructured) *unstructured.Unstructured {
	if c.admits == nil || !route.Ours(u) {
		return u
	}
	out, at := u.DeepCopy(), metav1.NewTime(c.now)
	c.admits(out)
	out.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: plan.FieldManager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &at}})
	return out
}

// defaults is a policy of the cluster's: connections of every rule have a time-out,
// and every VirtualService says that it is for everybody.
func defaults(c *cluster) {
	c.say("world   a mutating policy adds fields to rules and VirtualServices")
	c.admits = func(u *unstructured.Unstructured) {
		spec := u.Object["spec"].(map[string]any)
		switch u.GetKind() {
		case "VirtualService":
			spec["exportTo"] = []any{"*"}
		default:
			spec["trafficPolicy"] = map[string]any{"connectionPool": map[string]any{"tcp": map[string]any{"connectTimeout": "3s"}}}
		}
	}
}

// ahead asks for a release, and lets the clock of the controller that writes our rule
// be that much ahead of its successor's, who goes on: the time on the rule is in the
// future.
func ahead(by time.Duration) step {
	return func(c *cluster) {
		asks("weight=10")(c)
		c.until(func() bool { return c.get("DestinationRule shop/grayscale-reviews") != nil })
		c.say("world   the next controller's clock is %s behind", by)
		rule := c.get("DestinationRule shop/grayscale-reviews").DeepCopy()
		rule.SetAnnotations(map[string]string{intent.AnnotationWritten: c.now.Add(by).Format(time.RFC3339Nano)})
		c.put(rule)
	}
}

// dated lets the clock of the controller that noted the steps so far be that much
// ahead of its successor's.
func dated(by time.Duration) step {
	return func(c *cluster) {
		c.say("world   the next controller's clock is %s behind", by)
		claim := c.claim(reviewsKey).DeepCopy()
		for step, at := range claim.Steps {
			claim.Steps[step] = at.Add(by)
		}
		service := c.get("Service shop/reviews").DeepCopy()
		annotations := service.GetAnnotations()
		annotations[intent.AnnotationStatus] = claim.Annotation()
		service.SetAnnotations(annotations)
		c.put(service)
	}
}
