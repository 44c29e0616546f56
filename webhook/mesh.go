package webhook

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// mesh asks the reconciler's own code what only the mesh can say.
type mesh struct {
	live, cached client.Reader
	settings     plan.Settings
	ways         *snapshot.Ways
}

// after reads the Service and all around it as it would be with the write of this
// Deployment.
func (m mesh) after(ctx context.Context, written *unstructured.Unstructured, service types.NamespacedName) (plan.Snapshot, error) {
	live := after{m.live, written}
	return snapshot.Source{Reader: live, Live: live, Ways: m.ways}.Read(ctx, service, m.settings)
}

// refusals says all that stands in the way of what an intent asks for: of a release
// that would start, and of a policy that routes can't say.
func refusals(s plan.Snapshot, ask decide.Question) intent.Faults {
	faults, subsets := intent.Faults(nil), plan.Subsets(s)
	if ask.Spec != nil {
		faults, subsets = plan.Refusals(s, *ask.Spec), plan.Intended(s, *ask.Spec)
	} else if ask.Routes {
		faults = plan.TooFar(s)
	}
	faults = append(faults, plan.ManagedFaults(s, ask.Intent, ask.Spec)...)
	if ask.Routes {
		faults = append(faults, plan.Unsayable(s, ask.Intent, subsets)...)
	}
	return faults
}

// splits gives the splits of a VirtualService's live routes.
func (m mesh) splits(ctx context.Context, vs *unstructured.Unstructured) ([]route.Split, error) {
	return snapshot.Splits(ctx, m.cached, vs, m.settings)
}

// after reads the cluster as it would be with one write more: the API server
// has not stored what it asks us about.
type after struct {
	client.Reader
	written *unstructured.Unstructured
}

// List puts the written object into the lists that would hold it. Nothing but
// the namespace narrows the lists of the kinds that are written here.
func (a after) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := a.Reader.List(ctx, list, opts...); err != nil {
		return err
	}
	items, ok := list.(*unstructured.UnstructuredList)
	kind := a.written.GroupVersionKind()
	var o client.ListOptions
	o.ApplyOptions(opts)
	if !ok || items.GroupVersionKind() != kind.GroupVersion().WithKind(kind.Kind+"List") ||
		o.Namespace != "" && o.Namespace != a.written.GetNamespace() {
		return nil
	}
	for n := range items.Items {
		if items.Items[n].GetNamespace() == a.written.GetNamespace() && items.Items[n].GetName() == a.written.GetName() {
			items.Items[n] = *a.written
			return nil
		}
	}
	items.Items = append(items.Items, *a.written)
	return nil
}
