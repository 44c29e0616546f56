// Package apply writes a plan, in its order, but for what rests on a write that
// failed. The next pass plans anew.
package apply

import (
	"context"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

// FieldOwner is the controller's name in managedFields.
const FieldOwner = client.FieldOwner(plan.FieldManager)

// Plan writes the changes and, where all are written, the Service's annotations.
// What was refused, or lost a race, keeps nothing from being written that does not
// rest on it; where there is no answer, nothing more is tried. With a dry-run client
// (client.NewDryRunClient) nothing is kept.
func Plan(ctx context.Context, c client.Client, p plan.Plan, service *unstructured.Unstructured) error {
	var failed []plan.Change
	var failure error
	for _, change := range p.Changes {
		if change.Skips(failed) {
			continue
		}
		err := write(ctx, c, change)
		if err == nil {
			continue
		}
		failed, failure = append(failed, change), and(failure, fmt.Errorf("%s: %w", describe(change), err))
		if !IsRace(err) && !IsRefused(err) {
			return failure
		}
	}
	if failure != nil || len(p.Annotations) == 0 {
		return failure
	}
	if err := annotate(ctx, c, service, p.Annotations); err != nil {
		return fmt.Errorf("writing the status of Service %s: %w", client.ObjectKeyFromObject(service), err)
	}
	return nil
}

// and is both errors; a refusal first, for it is what lasts.
func and(before, err error) error {
	switch {
	case before == nil:
		return err
	case IsRefused(err) && !IsRefused(before):
		before, err = err, before
	}
	return fmt.Errorf("%w; %w", before, err)
}

var verbs = map[plan.Action]string{
	plan.Create: "creating", plan.Update: "updating", plan.Delete: "deleting",
	plan.Scale: "scaling", plan.Label: "labelling", plan.Forget: "taking the intent from", plan.Disown: "letting go of",
}

// describe names the write as an error does: "updating VirtualService shop/reviews".
func describe(change plan.Change) string {
	o := Target(change)
	return fmt.Sprintf("%s %s %s", verbs[change.Action], o.GetKind(), client.ObjectKeyFromObject(o))
}

// Target is the object that a change is about.
func Target(change plan.Change) *unstructured.Unstructured {
	if change.Object != nil {
		return change.Object
	}
	return change.Before
}

func write(ctx context.Context, c client.Client, change plan.Change) error {
	switch change.Action {
	case plan.Create:
		return c.Create(ctx, change.Object.DeepCopy(), FieldOwner)
	case plan.Update:
		return update(ctx, c, change)
	case plan.Delete:
		return remove(ctx, c, change.Before)
	case plan.Scale:
		return scale(ctx, c, change.Object)
	case plan.Label:
		return label(ctx, c, change.Object)
	case plan.Forget:
		return forget(ctx, c, change)
	case plan.Disown:
		return letGo(ctx, c, change.Before)
	}
	return fmt.Errorf("unknown action %q", change.Action)
}

// update carries the resourceVersion of what was read: whoever wrote since
// then wins, and we plan anew. managedFields are the API server's: a cache holds
// but a part of them.
func update(ctx context.Context, c client.Client, change plan.Change) error {
	after := change.Object.DeepCopy()
	after.SetManagedFields(nil)
	if err := c.Update(ctx, after, FieldOwner); err != nil {
		return err
	}
	if !change.Release {
		return nil
	}
	return disown(ctx, c, after)
}

// remove deletes exactly what was read. A Deployment stays until its pods are
// gone, so that "gone" means gone.
func remove(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	uid, version := u.GetUID(), u.GetResourceVersion()
	err := c.Delete(ctx, u.DeepCopy(),
		client.Preconditions{UID: &uid, ResourceVersion: &version},
		client.PropagationPolicy(metav1.DeletePropagationForeground))
	return client.IgnoreNotFound(err)
}

// A scale and a label are planned from what was read, and carry its
// resourceVersion, so that a controller which has lost its lease can't undo what its
// successor did since, nor act on a Deployment made anew. Each pod that becomes ready
// changes the resourceVersion, too; then the next pass, which is made at once, does
// it. The UID alone would let an old count through.

// scale goes by the subresource: it needs no right over the rest, and passes no
// webhook for Deployments.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
func scale(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	replicas, _, err := unstructured.NestedInt64(u.Object, "spec", "replicas")
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": u.GetResourceVersion()}, "spec": map[string]any{"replicas": replicas},
	})
	if err != nil {
		return err
	}
	return c.SubResource("scale").Patch(ctx, u.DeepCopy(), client.RawPatch(types.MergePatchType, patch), FieldOwner)
}

// label patches labels alone: what the caches hold of an object that lost ours
// is not the whole of it.
func label(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": u.GetResourceVersion(), "labels": u.GetLabels(),
	}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, u.DeepCopy(), client.RawPatch(types.MergePatchType, patch), FieldOwner)
}

// annotate patches nothing but annotations, by the resourceVersion that was
// read: that is what makes the status a claim.
func annotate(ctx context.Context, c client.Client, service *unstructured.Unstructured, annotations map[string]*string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": service.GetResourceVersion(), "annotations": annotations,
	}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, service.DeepCopy(), client.RawPatch(types.MergePatchType, patch), FieldOwner)
}

// IsRace says whether an error only means that somebody wrote first, so that
// the next pass will do.
func IsRace(err error) bool {
	return errors.IsConflict(err) || errors.IsAlreadyExists(err) || errors.IsNotFound(err)
}

// IsRefused says whether an error is the API server's word that it does not take
// the write: a right that is missing, a policy, a webhook that refuses or can't be
// asked. It may take it another time.
func IsRefused(err error) bool {
	var status errors.APIStatus
	if IsRace(err) || !stderrors.As(err, &status) {
		return false
	}
	switch code := status.Status().Code; code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	case http.StatusInternalServerError: // what a webhook that can't be asked gives
		return true
	default:
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
}
