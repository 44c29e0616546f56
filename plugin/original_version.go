package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// labelled gives the Deployment as --original-version wants it: with a version
// label on its pods. One that has it already comes back as it is.
func (o *createOptions) labelled(d *unstructured.Unstructured, label string) (*unstructured.Unstructured, error) {
	name := d.GetNamespace() + "/" + d.GetName()
	if faults := validation.IsValidLabelValue(o.originalVersion); len(faults) > 0 {
		return nil, usage("--original-version %q is no label value: %s", o.originalVersion, faults[0])
	}
	template := release.WorkloadOf(d).Template
	for _, key := range append([]string{label}, release.DefaultLabels...) {
		switch version, ok := template[key]; {
		case !ok || key == "":
		case version == o.originalVersion:
			return d, nil
		default:
			return nil, fmt.Errorf("--original-version %s: the pods of Deployment %s have a version already, %s=%s; leave the flag out", o.originalVersion, name, key, version)
		}
	}
	key := cmp.Or(label, release.DefaultLabels[0])
	if who := workload.Manager(d); who != "" {
		return nil, fmt.Errorf("--original-version %s: Deployment %s is managed by %s, which would undo it; add the label %s: %s to its pod template there", o.originalVersion, name, who, key, o.originalVersion)
	}
	if paused, _, _ := unstructured.NestedBool(d.Object, "spec", "paused"); paused {
		return nil, fmt.Errorf("--original-version %s: the rollout of Deployment %s is paused; resume it first: kubectl -n %s rollout resume deployment %s", o.originalVersion, name, d.GetNamespace(), d.GetName())
	}
	after := d.DeepCopy()
	err := unstructured.SetNestedField(after.Object, o.originalVersion, "spec", "template", "metadata", "labels", key)
	if err != nil {
		return nil, fmt.Errorf("labelling the pods of Deployment %s: %w", name, err)
	}
	return after, nil
}

// rollOut writes the pods' labels of after on a Deployment, and waits until all
// of its pods have them.
func (e *Env) rollOut(ctx context.Context, before, after *unstructured.Unstructured, dry dryRun, timeout time.Duration) (*unstructured.Unstructured, error) {
	labels, _, _ := unstructured.NestedStringMap(after.Object, "spec", "template", "metadata", "labels")
	there, _, _ := unstructured.NestedStringMap(before.Object, "spec", "template", "metadata", "labels")
	name := before.GetNamespace() + "/" + before.GetName()
	var added []string
	for key, value := range labels {
		if there[key] != value {
			added = append(added, key+"="+value)
		}
	}
	if len(added) == 0 {
		return before, nil
	}
	slices.Sort(added)
	e.Say("Deployment %s gets the label %s on its pods: one ordinary rollout first.%s", name, added[0], dry.suffix())
	if dry == dryRunClient {
		return after, nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": before.GetResourceVersion()},
		"spec":     map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": labels}}},
	})
	if err != nil {
		return nil, err
	}
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	var options []client.PatchOption
	if dry == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	d := before.DeepCopy()
	if err := c.Patch(ctx, d, client.RawPatch(types.MergePatchType, patch), options...); err != nil {
		return nil, fmt.Errorf("labelling the pods of Deployment %s: %w", name, e.friendly(ctx, err))
	}
	if dry == dryRunServer {
		return d, nil
	}
	return e.rolledOut(ctx, d, timeout)
}

// rolledOut waits until a Deployment's pods are all of its present template.
func (e *Env) rolledOut(ctx context.Context, d *unstructured.Unstructured, timeout time.Duration) (*unstructured.Unstructured, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := e.Client()
	if err != nil {
		return nil, err
	}
	changes, stop, err := e.watch(limited, watched{"apps/v1", "Deployment", d.GetNamespace(), nil}, watched{"v1", "Pod", d.GetNamespace(), nil})
	const incomplete = "the rollout of the original is not complete, and no release has been started"
	if err != nil {
		return nil, e.gaveUp(err, incomplete)
	}
	defer stop()
	line := e.progress()
	defer line.end()
	trouble := e.trouble(d.GetNamespace(), d.GetName())
	for {
		now := newObject("apps/v1", "Deployment")
		if err := c.Get(limited, client.ObjectKeyFromObject(d), now); err != nil {
			err = fmt.Errorf("reading Deployment %s/%s: %w", d.GetNamespace(), d.GetName(), err)
			return nil, e.gaveUp(err, incomplete)
		}
		done, state := progressOf(now)
		if done {
			return now, nil
		}
		line.show("%s", state)
		switch err := next(limited, changes); {
		case errors.Is(err, errStalled):
			trouble.show(limited, line)
		case err != nil:
			trouble.show(limited, line)
			return nil, e.gaveUp(err, incomplete+": "+state)
		}
	}
}

// progressOf says how far a Deployment's rollout is, as kubectl rollout status does.
func progressOf(d *unstructured.Unstructured) (done bool, state string) {
	count := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(d.Object, "status", field)
		return n
	}
	want := int64(release.WorkloadOf(d).Replicas)
	updated, available := count("updatedReplicas"), count("availableReplicas")
	done = count("observedGeneration") >= d.GetGeneration() && updated == want && count("replicas") == want && available == want
	return done, fmt.Sprintf("Deployment %s/%s: %d of %d pods of the new template available", d.GetNamespace(), d.GetName(), min(updated, available), want)
}

// with gives the scene with another state of a Deployment.
func (s scene) with(d *unstructured.Unstructured) scene {
	s.deployments = slices.Clone(s.deployments)
	for n, there := range s.deployments {
		if there.GetNamespace() == d.GetNamespace() && there.GetName() == d.GetName() {
			s.deployments[n] = d
		}
	}
	return s
}
