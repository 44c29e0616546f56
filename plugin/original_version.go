package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// versioned gives the original with the version label on its pods: one ordinary
// rollout. Only what can start afterwards is rolled out for it: first the plan
// says whether the mesh allows the release, then the API server and the webhooks,
// who are shown label and intent as one write. d is before with the label.
func (o *createOptions) versioned(ctx context.Context, e *Env, s scene, before, d *unstructured.Unstructured, w words, spec release.Spec) (*unstructured.Unstructured, error) {
	if err := o.possible(ctx, e, s, d, w, spec.Service); err != nil {
		return nil, err
	}
	labels := map[string]string{spec.Versions.Label: o.originalVersion}
	name := before.GetNamespace() + "/" + before.GetName()
	judged := d
	if o.dryRun != dryRunClient {
		var err error
		e.quiet = o.dryRun == "" // what it warns of is told with the write itself
		judged, err = e.write(ctx, before, w, labels, dryRunServer)
		e.quiet = false
		if err != nil {
			return nil, fmt.Errorf("labelling and annotating Deployment %s: %w", name, err)
		}
	}
	e.Say("Deployment %s gets the label %s=%s on its pods: one ordinary rollout first.%s", name, spec.Versions.Label, o.originalVersion, o.dryRun.suffix())
	if o.dryRun != "" {
		return judged, nil
	}
	d, err := e.write(ctx, before, nil, labels, "")
	if err != nil {
		return nil, fmt.Errorf("labelling the pods of Deployment %s: %w", name, err)
	}
	return e.rolledOut(ctx, d, o.timeout)
}

// possible refuses what the reconciler would. What the user may not read is
// left to the API server.
func (o *createOptions) possible(ctx context.Context, e *Env, s scene, d *unstructured.Unstructured, w words, service release.Service) error {
	j, err := e.judge(ctx, s)
	if err != nil {
		return err
	}
	if o.dryRun == dryRunClient {
		j.confess(e)
	}
	why, err := j.refused(ctx, service, d, w)
	if err != nil {
		return err
	}
	if len(why) > 0 {
		return fmt.Errorf("refused, and nothing is rolled out:\n%s", bullets(writtenAsFlags(strings.Join(why, "\n"))))
	}
	return nil
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
