package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// words are annotations to write; nil removes one.
type words map[string]*string

func (w words) set(key, value string) { w[key] = &value }
func (w words) remove(key string)     { w[key] = nil }

// on gives the annotations as they are after the write.
func (w words) on(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	if out == nil {
		out = map[string]string{}
	}
	for key, value := range w {
		if value == nil {
			delete(out, key)
		} else {
			out[key] = *value
		}
	}
	return out
}

// annotate writes the words on a Deployment, and nothing else of it: a JSON
// merge patch with its resourceVersion, so that what was decided on is what is
// there. changed is false when they are there already.
func (e *Env) annotate(ctx context.Context, d *unstructured.Unstructured, w words, dry dryRun) (after *unstructured.Unstructured, changed bool, err error) {
	after = d.DeepCopy()
	after.SetAnnotations(w.on(d.GetAnnotations()))
	if maps.Equal(d.GetAnnotations(), after.GetAnnotations()) {
		return after, false, nil
	}
	if dry == dryRunClient {
		return after, true, nil
	}
	if after, err = e.write(ctx, d, w, nil, dry); err != nil {
		err = fmt.Errorf("annotating Deployment %s/%s: %w", d.GetNamespace(), d.GetName(), err)
	}
	return after, true, err
}

// write writes the words, and labels of the pods, on a Deployment.
func (e *Env) write(ctx context.Context, d *unstructured.Unstructured, w words, labels map[string]string, dry dryRun) (*unstructured.Unstructured, error) {
	for {
		written, err := e.patch(ctx, d, w, labels, dry)
		if !apierrors.IsConflict(err) {
			return written, e.friendly(ctx, err)
		}
		// A Deployment's status is written all the time. Only a change of the
		// intent is one that the user has to look at.
		if d, err = e.again(ctx, d); err != nil {
			return nil, err
		}
	}
}

func (e *Env) patch(ctx context.Context, d *unstructured.Unstructured, w words, labels map[string]string, dry dryRun) (*unstructured.Unstructured, error) {
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	metadata := map[string]any{"resourceVersion": d.GetResourceVersion()}
	changes := map[string]any{"metadata": metadata}
	if len(w) > 0 { // none at all would be null, which removes them all
		metadata["annotations"] = w
	}
	if len(labels) > 0 {
		changes["spec"] = map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": labels}}}
	}
	patch, err := json.Marshal(changes)
	if err != nil {
		return nil, err
	}
	var options []client.PatchOption
	if dry == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	after := d.DeepCopy()
	return after, c.Patch(ctx, after, client.RawPatch(types.MergePatchType, patch), options...)
}

// again reads a Deployment anew after a conflict, and refuses to go on when
// somebody else changed the intent meanwhile.
func (e *Env) again(ctx context.Context, d *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	name := d.GetNamespace() + "/" + d.GetName()
	now := newObject("apps/v1", "Deployment")
	if err := c.Get(ctx, client.ObjectKeyFromObject(d), now); err != nil {
		return nil, fmt.Errorf("reading Deployment %s again: %w", name, err)
	}
	if now.GetUID() != d.GetUID() || !maps.Equal(intent.Of(now.GetAnnotations()), intent.Of(d.GetAnnotations())) {
		return nil, fmt.Errorf("the release of Deployment %s was changed by somebody else at this moment; look at it and try again", name)
	}
	return now, nil
}
