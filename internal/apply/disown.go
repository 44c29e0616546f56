package apply

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// disown drops our entry from managedFields. Once an object is the user's own
// again, their next server-side apply must not conflict with us.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
func disown(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	var others []metav1.ManagedFieldsEntry
	for _, entry := range u.GetManagedFields() {
		if entry.Manager != string(FieldOwner) {
			others = append(others, entry)
		}
	}
	if len(others) == len(u.GetManagedFields()) {
		return nil
	}
	if len(others) == 0 {
		others = []metav1.ManagedFieldsEntry{{}} // the API's way to say: nobody
	}
	u.SetManagedFields(others)
	return c.Update(ctx, u, FieldOwner)
}

// letGo disowns what is the user's alone again. A write without effect gives the
// object as it stands, with the whole of its managedFields: an update where what
// was read is whole, an empty patch of a Deployment, of which it may be a remnant.
func letGo(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	live := u.DeepCopy()
	live.SetManagedFields(nil)
	var err error
	if u.GetKind() == "Deployment" {
		err = c.Patch(ctx, live, client.RawPatch(types.MergePatchType, []byte("{}")), FieldOwner)
	} else {
		err = c.Update(ctx, live, FieldOwner)
	}
	if err != nil {
		return client.IgnoreNotFound(err) // gone: nobody owns it
	}
	return client.IgnoreNotFound(disown(ctx, c, live))
}
