package plugin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// scene is a namespace as releases see it.
type scene struct {
	namespace   string
	services    []*unstructured.Unstructured
	deployments []*unstructured.Unstructured
}

// found is one release of a scene.
type found struct {
	task       string
	service    *unstructured.Unstructured // nil: nobody knows which yet
	deployment *unstructured.Unstructured // the original; nil: it is gone
	// status is the claim; of a release that ended, what the history keeps of
	// it; of one that is only asked for, what is known of it.
	status  *release.Status
	claimed bool
	ended   bool
	// unreadable is a claim that this version can't read, and broken the error of
	// whoever wants something of its release.
	unreadable *release.Unreadable
	broken     error
}

func (f found) namespace() string {
	if f.service != nil {
		return f.service.GetNamespace()
	}
	return f.deployment.GetNamespace()
}

// key tells a running release from all others, claimed or not.
func (f found) key() string {
	return f.namespace() + "/" + string(f.status.Original.UID) + "/" + f.task
}

// written is when the claim was last written; zero where nobody knows.
func (f found) written() time.Time {
	var last time.Time
	if f.service == nil {
		return last
	}
	for _, entry := range f.service.GetManagedFields() {
		if entry.Time != nil && entry.FieldsV1 != nil && entry.Time.After(last) && strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+intent.AnnotationStatus+`"`) {
			last = entry.Time.Time
		}
	}
	return last
}

// scene reads a namespace; an empty one reads all of them.
func (e *Env) scene(ctx context.Context, namespace string) (scene, error) {
	s := scene{namespace: namespace}
	c, err := e.Client()
	if err != nil {
		return s, err
	}
	if s.services, err = snapshot.List(ctx, c, snapshot.Services, client.InNamespace(namespace)); err != nil {
		return s, err
	}
	s.deployments, err = snapshot.List(ctx, c, snapshot.Deployments, client.InNamespace(namespace))
	return s, err
}

// running gives the releases that run and those that are asked for and hold no
// claim yet, by namespace and task.
func (s scene) running() []found {
	var out []found
	claimed := map[string]bool{}
	for _, service := range s.services {
		status, err := release.Claim(service.GetAnnotations(), service.GetUID())
		unreadable := release.UnreadableOf(err)
		switch {
		case unreadable != nil:
			f := s.unread(service, unreadable)
			claimed[string(f.status.Original.UID)+"/"+f.task] = true
			out = append(out, f)
		case status != nil:
			f := found{task: status.Task, service: service, status: status, claimed: true}
			f.deployment = s.deployment(service.GetNamespace(), status.Original.Name)
			if f.deployment != nil && f.deployment.GetUID() != status.Original.UID {
				f.deployment = nil // another one by that name
			}
			claimed[string(status.Original.UID)+"/"+status.Task] = true
			out = append(out, f)
		}
	}
	for _, d := range s.deployments {
		task := d.GetAnnotations()[intent.KeyRelease]
		if task == "" || workload.IsClone(d) || claimed[string(d.GetUID())+"/"+task] || s.spent(task, d) {
			continue
		}
		out = append(out, s.askedFor(task, d))
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.namespace(), b.namespace()), cmp.Compare(a.task, b.task))
	})
	return out
}

// askedFor is a release that has an intent and no claim.
func (s scene) askedFor(task string, d *unstructured.Unstructured) found {
	i, _ := intent.Parse(d.GetAnnotations()) // faults are the controller's to tell
	w := release.WorkloadOf(d)
	status := &release.Status{
		Schema: release.Schema, Task: task, Form: i.Form, Finish: i.Finish, By: i.By,
		Original:  release.Version{Name: w.Name, UID: w.UID, Images: w.Images, Replicas: w.Replicas},
		Grayscale: release.Version{Version: i.Version, Patch: i.Patch},
		Policy:    release.PolicyOf(i),
	}
	f := found{task: task, deployment: d, status: status}
	f.service = s.serviceFor(i.Service, w)
	if f.service != nil {
		status.Service = release.Ref{Name: f.service.GetName(), UID: f.service.GetUID()}
	}
	return f
}

// serviceFor gives the Service that an intent is for, nil where that is open.
func (s scene) serviceFor(name string, w release.Workload) *unstructured.Unstructured {
	if name == "" {
		selecting := release.Selecting(s.serviceFacts(), w)
		if len(selecting) != 1 {
			return nil
		}
		name = selecting[0].Name
	}
	return s.service(w.Namespace, name)
}

// ended gives the releases that the histories keep, newest first.
func (s scene) ended() []found {
	var out []found
	for _, service := range s.services {
		history, err := release.ParseHistory(service.GetAnnotations()[intent.AnnotationHistory])
		if err != nil {
			continue // no release rests on it
		}
		for _, entry := range history.Entries {
			out = append(out, found{
				task: entry.Task, service: service, ended: true,
				deployment: s.deployment(service.GetNamespace(), entry.Original), status: statusOf(entry, service),
			})
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return b.status.Ended.Compare(*a.status.Ended) })
	return out
}

// statusOf is what is left of the status of a release that ended.
func statusOf(entry release.Entry, service *unstructured.Unstructured) *release.Status {
	return &release.Status{
		Schema: release.Schema, Task: entry.Task, Form: entry.Form, Phase: entry.Phase, Clone: entry.Clone,
		Service:   release.Ref{Name: service.GetName(), UID: service.GetUID()},
		Original:  release.Version{Name: entry.Original, Version: entry.From, Images: map[string]string{}},
		Grayscale: release.Version{Name: entry.Clone, Version: entry.To, Images: entry.Images},
		Started:   entry.Started, Ended: &entry.Ended, By: entry.By, Message: entry.Message,
	}
}

// spent says whether a task name has ended or was rejected for that Deployment.
func (s scene) spent(task string, d *unstructured.Unstructured) bool {
	for _, service := range s.services {
		if service.GetNamespace() != d.GetNamespace() {
			continue
		}
		history, err := release.ParseHistory(service.GetAnnotations()[intent.AnnotationHistory])
		if err == nil && history.IsSpent(task, d.GetUID()) {
			return true
		}
	}
	return false
}

func (s scene) deployment(namespace, name string) *unstructured.Unstructured {
	return pick(s.deployments, namespace, name)
}

func (s scene) service(namespace, name string) *unstructured.Unstructured {
	return pick(s.services, namespace, name)
}

func pick(from []*unstructured.Unstructured, namespace, name string) *unstructured.Unstructured {
	for _, u := range from {
		if u.GetNamespace() == namespace && u.GetName() == name {
			return u
		}
	}
	return nil
}

func (s scene) serviceFacts() []release.Service {
	out := make([]release.Service, len(s.services))
	for n, u := range s.services {
		out[n] = release.ServiceOf(u)
	}
	return out
}

func (s scene) workloads() []release.Workload {
	out := make([]release.Workload, len(s.deployments))
	for n, d := range s.deployments {
		out[n] = release.WorkloadOf(d)
	}
	return out
}
