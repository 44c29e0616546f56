package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// judge says what the reconciler would say of a release of a Service that begins
// at this moment: it asks for one, in memory only.
type judge struct {
	scene    scene
	others   []*unstructured.Unstructured // routes, rules, other ways to the pods
	unread   []string                     // kinds that the user may not list
	settings plan.Settings
	down     string // why the controller moves nothing
	now      time.Time
}

// judge reads once what all Services are judged by.
func (e *Env) judge(ctx context.Context, s scene) (judge, error) {
	j := judge{scene: s, now: e.Now()}
	j.settings, j.down = e.settings(ctx)
	c, err := e.Client()
	if err != nil {
		return j, err
	}
	kinds := []snapshot.Versioned{
		{GroupKind: snapshot.VirtualServices.GroupKind(), Versions: []string{snapshot.VirtualServices.Version}},
		{GroupKind: snapshot.DestinationRules.GroupKind(), Versions: []string{snapshot.DestinationRules.Version}},
	}
	for _, kind := range append(kinds, snapshot.WayKinds...) {
		err := snapshot.Each(ctx, c, kind, func(u *unstructured.Unstructured) { j.others = append(j.others, u) })
		switch {
		case apierrors.IsForbidden(err):
			j.unread = append(j.unread, kind.Kind+"s")
		case err != nil:
			return j, err
		}
	}
	return j, nil
}

// confess says what the user may not read, and so is not judged by.
func (j judge) confess(e *Env) {
	if len(j.unread) > 0 {
		e.Say("Judged without what you may not list in all namespaces: %s.", strings.Join(j.unread, ", "))
	}
}

// of says whether a Service can be released, is busy, or cannot.
func (j judge) of(ctx context.Context, u *unstructured.Unstructured) (standing, error) {
	service := release.ServiceOf(u)
	out := standing{Namespace: service.Namespace, Name: service.Name, State: unfit}
	holder, err := release.Claim(service.Annotations, service.UID)
	unreadable := release.UnreadableOf(err)
	switch {
	case unreadable != nil:
		f := j.scene.unread(u, unreadable)
		out.State, out.Task = busy, f.task
		out.Workloads = slices.DeleteFunc([]string{f.status.Original.Name, f.status.Clone}, func(name string) bool { return name == "" })
		out.Why = []string{"Unreadable: " + unreadable.Sentence()}
		return out, nil
	case holder != nil:
		out.State, out.Task = busy, holder.Task
		out.Workloads = []string{holder.Original.Name, holder.Clone}
		out.Why = []string{string(holder.Phase) + ": " + holder.Phase.Sentence()}
		return out, nil
	}
	var unfitting []string
	for _, d := range j.scene.deployments {
		if d.GetNamespace() != service.Namespace || workload.IsClone(d) || !service.Selects(release.WorkloadOf(d).Template) {
			continue
		}
		why, err := j.refused(ctx, service, d, hypothetical(service, release.WorkloadOf(d)))
		if err != nil {
			return out, err
		}
		if len(why) == 0 {
			out.State, out.Workloads = free, append(out.Workloads, d.GetName())
			continue
		}
		out.Why = why
		unfitting = append(unfitting, d.GetName())
	}
	switch {
	case out.State == free:
		out.Why = nil
	case len(unfitting) == 0:
		out.Why = []string{"selects no Deployment's pods"}
	default:
		out.Workloads = unfitting
	}
	return out, nil
}

// refused is why a release of the Deployment by these words could not start;
// nothing: it could.
func (j judge) refused(ctx context.Context, service release.Service, d *unstructured.Unstructured, asked words) ([]string, error) {
	objects := slices.Concat(j.others, j.scene.services)
	for _, other := range j.scene.deployments {
		other = other.DeepCopy()
		w := words{}
		for key := range intent.Of(other.GetAnnotations()) {
			w.remove(key)
		}
		if other.GetUID() == d.GetUID() && other.GetName() == d.GetName() {
			maps.Copy(w, asked)
		}
		other.SetAnnotations(w.on(other.GetAnnotations()))
		objects = append(objects, other)
	}
	key := types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
	s, err := snapshot.Read(ctx, snapshot.Files(objects), key, j.settings)
	if err != nil {
		return nil, fmt.Errorf("judging Service %s: %w", key, err)
	}
	return reasons(plan.Make(s, j.now).Refused, client.ObjectKeyFromObject(d)), nil
}

// hypothetical is an intent that would be right if the objects are.
func hypothetical(service release.Service, w release.Workload) words {
	const version = "grayscale-asks"
	out := words{}
	out.set(intent.KeyRelease, version)
	out.set(intent.KeyService, service.Name)
	out.set(intent.KeyVersion, version)
	out.set(intent.KeyName, version)
	out.set(intent.KeyImage, slices.Min(slices.Collect(maps.Keys(w.Images)))+"="+version)
	out.set(intent.KeyFinish, string(intent.Replace))
	return out
}

// reasons are the reconciler's sentences, without what all share.
func reasons(refused []string, d client.ObjectKey) []string {
	var out []string
	for _, text := range refused {
		text = strings.TrimPrefix(text, "Deployment "+d.String()+": ")
		for line := range strings.Lines(text) {
			out = append(out, plainly(strings.TrimSpace(line)))
		}
	}
	return out
}
