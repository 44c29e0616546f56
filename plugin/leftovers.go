package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// clean removes our annotations from what is the users': intents that nobody
// acts on any more, in their ReplicaSets too, where a rollback would find them;
// with purge also the histories. While releases are left standing, theirs stay.
func (o *uninstallOptions) clean(ctx context.Context, e *Env) error {
	c, err := e.Client()
	if err != nil {
		return err
	}
	kept := []string{intent.AnnotationHistory}
	if o.purge {
		kept = nil
	}
	kinds := []schema.GroupVersionKind{snapshot.Deployments, snapshot.ReplicaSets}
	if o.force {
		kinds = nil
	}
	for _, kind := range kinds {
		objects, err := snapshot.List(ctx, c, kind)
		if err != nil {
			return err
		}
		for _, u := range objects {
			if err := e.wipe(ctx, c, u, nil); err != nil {
				return err
			}
		}
	}
	services, err := snapshot.List(ctx, c, snapshot.Services)
	if err != nil {
		return err
	}
	for _, u := range services {
		if _, running := u.GetAnnotations()[intent.AnnotationStatus]; running && o.force {
			continue
		}
		if err := e.wipe(ctx, c, u, kept); err != nil {
			return err
		}
	}
	return nil
}

// wipe removes our annotations from an object, apart from those to keep.
func (e *Env) wipe(ctx context.Context, c client.Client, u *unstructured.Unstructured, kept []string) error {
	w := words{}
	for key := range u.GetAnnotations() {
		if strings.HasPrefix(key, intent.Prefix) && !slices.Contains(kept, key) {
			w.remove(key)
		}
	}
	if len(w) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": w}})
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, u, client.RawPatch(types.MergePatchType, patch)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing our annotations from %s in namespace %s: %w", named(u), u.GetNamespace(), err)
	}
	return e.Print("%s in namespace %s freed of our annotations", named(u), u.GetNamespace())
}

// leftovers names what is ours and still there.
func (e *Env) leftovers(ctx context.Context) ([]string, error) {
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	var left []string
	for _, look := range []struct {
		kind schema.GroupVersionKind
		ours func(*unstructured.Unstructured) string
	}{
		{snapshot.VirtualServices, oursIn},
		{snapshot.DestinationRules, oursIn},
		{snapshot.Deployments, cloneIn},
	} {
		objects, err := snapshot.List(ctx, c, look.kind)
		if meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, u := range objects {
			if what := look.ours(u); what != "" {
				left = append(left, fmt.Sprintf("%s %s/%s: %s", u.GetKind(), u.GetNamespace(), u.GetName(), what))
			}
		}
	}
	return left, nil
}

func oursIn(u *unstructured.Unstructured) string {
	switch {
	case route.Ours(u):
		return "is ours as a whole"
	case u.GetKind() == snapshot.VirtualServices.Kind && route.HasOurs(u):
		return "has routes of ours"
	}
	return ""
}

func cloneIn(u *unstructured.Unstructured) string {
	if workload.IsClone(u) {
		return "is the grayscale version of release " + u.GetLabels()[intent.LabelTask]
	}
	return ""
}
