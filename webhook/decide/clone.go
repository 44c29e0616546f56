package decide

import (
	"fmt"
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Clone judges a write of an object that is a clone, or says it is one. Only
// the controller makes clones, and only those that a claim names: that is what
// keeps it at one grayscale version a Service.
func Clone(w Write, claims Claims) (v Verdict) {
	if maps.Equal(marks(w.Before), marks(w.After)) {
		v.refuse(edited(w, claims)...)
		return v
	}
	after := release.WorkloadOf(w.After)
	task := after.Labels[intent.LabelTask]
	claim, claimed := claims.clone(task, after.Name)
	switch {
	case !workload.IsClone(w.After):
		v.refuse(freed(w, claims)...)
	case !w.Ours():
		v.refuse(stranger(after, claims))
	case !claimed:
		v.refuse(unclaimed(after, claims))
	case claim.Status.Original.Name != after.Labels[intent.LabelOf]:
		v.refuse(intent.Fault{
			Kind: intent.Conflict, At: deployment(after), Value: after.Labels[intent.LabelOf],
			Why:   fmt.Sprintf("is not the original of release %s, which is Deployment %s", task, claim.Status.Original.Name),
			Right: "read the claim again",
		})
	}
	return v
}

// edited refuses to change what the release relies on in a clone. A clone that
// no claim names is a leftover, and anybody's, but starts no release.
func edited(w Write, claims Claims) (faults intent.Faults) {
	after := release.WorkloadOf(w.After)
	claim, claimed := claims.clone(after.Labels[intent.LabelTask], after.Name)
	switch {
	case w.Ours():
		return nil
	case !claimed && intent.Starts(asked(w.After)):
		return intent.Faults{{
			Kind: intent.Forbidden, At: intent.KeyRelease, Value: asked(w.After)[intent.KeyRelease],
			Why:   fmt.Sprintf("can't start on %s, whose labels %s and %s say that it is a grayscale version", deployment(after), intent.LabelTask, intent.LabelOf),
			Right: "remove those labels first",
		}}
	case !claimed:
		return nil
	}
	refuse := func(what string) {
		faults = append(faults, intent.Fault{
			Kind: intent.Forbidden, At: deployment(after),
			Why: fmt.Sprintf("is the grayscale version of release %s, and only the controller changes its %s", claim.Status.Task, what),
			Right: fmt.Sprintf("annotate Deployment %s/%s, or end the release first",
				after.Namespace, claim.Status.Original.Name),
		})
	}
	for _, part := range []struct{ what, field string }{{"pod template", "template"}, {"selector", "selector"}} {
		if !reflect.DeepEqual(field(w.Before, part.field), field(w.After, part.field)) {
			refuse(part.what)
		}
	}
	if was, is := asked(w.Before), asked(w.After); len(is) > 0 && !maps.Equal(was, is) {
		refuse("annotations of " + intent.Prefix)
	}
	return faults
}

func field(u *unstructured.Unstructured, name string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", name)
	return value
}

// freed refuses to take our labels off a clone that a claim names.
func freed(w Write, claims Claims) (faults intent.Faults) {
	if w.Before == nil {
		return nil
	}
	before := release.WorkloadOf(w.Before)
	claim, claimed := claims.clone(before.Labels[intent.LabelTask], before.Name)
	if w.Ours() || !claimed {
		return nil
	}
	return intent.Faults{{
		Kind: intent.Forbidden, At: deployment(before),
		Why:   fmt.Sprintf("is the grayscale version of release %s, and its labels of %s say so", claim.Status.Task, intent.Prefix),
		Right: "keep them, or end the release first",
	}}
}

// stranger refuses somebody else's clone, and names the release that has the
// place it would take.
func stranger(after release.Workload, claims Claims) intent.Fault {
	why := fmt.Sprintf("has the labels of a grayscale version (%s: %q), which only the controller makes", intent.LabelTask, after.Labels[intent.LabelTask])
	claim, ok := claims.over(after.Template)
	if !ok {
		claim, ok = claims.task(after.Labels[intent.LabelTask])
	}
	if ok {
		why += ", and " + claim.Holder()
	}
	return intent.Fault{
		Kind: intent.Conflict, At: deployment(after), Why: why,
		Right: fmt.Sprintf("leave %s and %s out, or as they are", intent.LabelTask, intent.LabelOf),
	}
}

// unclaimed refuses the controller itself: what it saw is out of date.
func unclaimed(after release.Workload, claims Claims) intent.Fault {
	why := "is not the clone that a Service's claim names"
	if claim, ok := claims.over(after.Template); ok {
		why += ": " + claim.Holder()
	}
	return intent.Fault{Kind: intent.Conflict, At: deployment(after), Value: after.Labels[intent.LabelTask], Why: why, Right: "claim the Service first"}
}
