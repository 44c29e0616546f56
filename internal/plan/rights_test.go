package plan_test

import (
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// rightsOf are those that whoever wrote the intents that stand now would need.
func (c *cluster) rightsOf(key types.NamespacedName) (out []plan.Right) {
	s := c.snapshot(key)
	world := release.World{}
	for _, u := range s.Services {
		world.Services = append(world.Services, release.ServiceOf(u))
	}
	for _, d := range s.Deployments {
		world.Workloads = append(world.Workloads, release.WorkloadOf(d))
	}
	claim := c.claim(key)
	for _, d := range s.Deployments {
		i, faults := intent.Parse(d.GetAnnotations())
		if !intent.Starts(d.GetAnnotations()) || len(faults) > 0 {
			continue
		}
		if claim != nil && claim.Original.UID == d.GetUID() && claim.Task == i.Release {
			out = append(out, plan.Rights(s, i, nil)...)
			continue
		}
		if spec, _ := release.Resolve(i, release.WorkloadOf(d), world); spec.Service.Name == key.Name {
			out = append(out, plan.Rights(s, i, &spec)...)
		}
	}
	return out
}

// watcher compares what the controller writes with the rights that were asked for.
type watcher struct {
	c      *cluster
	before map[string]*unstructured.Unstructured
	may    map[plan.Right]bool
	late   int // writes that only the rights of the moment cover
}

func (w *watcher) ask() {
	for _, key := range w.c.services {
		for _, r := range w.c.rightsOf(key) {
			w.may[r] = true
		}
	}
	w.before = maps.Clone(w.c.objects)
}

// needed is the right for one write, where a user needs one: not to take things
// back, not for the clone, and not to forget an intent.
func (w *watcher) needed(was, is *unstructured.Unstructured) (plan.Right, bool) {
	u, verb := is, "update"
	switch {
	case was == nil:
		verb = "create"
	case is == nil || is.GetDeletionTimestamp() != nil:
		u, verb = was, "delete"
	}
	r := plan.Right{Verb: verb, Group: "networking.istio.io", Namespace: u.GetNamespace(), Name: u.GetName()}
	_, ours := u.GetLabels()[intent.LabelService]
	switch u.GetKind() {
	case "VirtualService":
		r.Resource = "virtualservices"
	case "DestinationRule":
		r.Resource = "destinationrules"
	case "Deployment":
		r.Group, r.Resource = "apps", "deployments"
		_, ours = u.GetLabels()[intent.LabelTask]
		ours = ours && verb != "create" || verb == "update" && equalSpecs(was, is)
	default:
		return r, false
	}
	if verb == "create" {
		r.Name = ""
	}
	return r, !(ours && verb == "delete") && !(ours && r.Resource == "deployments")
}

func equalSpecs(a, b *unstructured.Unstructured) bool {
	x, y := a.DeepCopy(), b.DeepCopy()
	x.SetAnnotations(nil)
	y.SetAnnotations(nil)
	return sameObject(&unstructured.Unstructured{Object: map[string]any{"spec": x.Object["spec"]}}, &unstructured.Unstructured{Object: map[string]any{"spec": y.Object["spec"]}})
}

// wrote judges the last write.
func (w *watcher) wrote() {
	keys := append(slices.Collect(maps.Keys(w.before)), slices.Collect(maps.Keys(w.c.objects))...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		was, is := w.before[key], w.c.objects[key]
		if was == is || w.takesBack(is) {
			continue
		}
		r, needs := w.needed(was, is)
		if !needs || w.may[r] {
			continue
		}
		w.late++
		if !slices.Contains(w.asOf(key, was), r) {
			w.c.fail("the controller may not %s by the rights of whoever asked, and did", r)
		}
	}
	w.before = maps.Clone(w.c.objects)
}

// takesBack says whether the release is on its way back, or nobody's.
func (w *watcher) takesBack(is *unstructured.Unstructured) bool {
	for _, key := range w.c.services {
		if s := w.c.claim(key); s != nil && s.Phase != release.Cancelling && s.Asked().All() != s.Asked().None() || is == nil {
			return false
		}
	}
	return true
}

// asOf gives the rights as they would have been asked for before a write.
func (w *watcher) asOf(key string, was *unstructured.Unstructured) (out []plan.Right) {
	is := w.c.objects[key]
	defer func() { w.c.objects[key] = is }()
	if was == nil {
		delete(w.c.objects, key)
	} else {
		w.c.objects[key] = was
	}
	for _, key := range w.c.services {
		out = append(out, w.c.rightsOf(key)...)
	}
	return out
}
