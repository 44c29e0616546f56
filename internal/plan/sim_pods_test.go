package plan_test

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

const (
	startUp  = 3 * time.Second // of a pod
	shutDown = 2 * time.Second // of a pod
)

// nobody owns a pod that its Deployment no longer selects.
const nobody types.UID = "nobody"

// pod is one pod of a Deployment. It is in the EndpointSlices from its start
// until it is gone, and ready from readyAt until it leaves.
type pod struct {
	name      string
	namespace string
	owner     types.UID
	of        string // the Deployment's name
	by        string // what controls it, where that is no Deployment
	labels    map[string]string
	readyAt   time.Time
	goneAt    time.Time // zero: it stays
	crashes   bool      // by its image
	deaf      bool      // does not become ready
	sick      bool      // fails its readiness probe
	taken     bool      // the controller has deleted its Deployment
}

func (p *pod) leaving() bool { return !p.goneAt.IsZero() }

func (p *pod) ready(now time.Time) bool {
	return !p.leaving() && !p.sick && !p.deaf && !now.Before(p.readyAt)
}

// syncPods is the Deployment controller, the kubelets and the EndpointSlice
// controller in one.
func (c *cluster) syncPods() {
	living := map[types.UID]bool{nobody: true}
	for _, d := range c.list("Deployment", "") {
		living[d.GetUID()] = true
		c.syncDeployment(d)
	}
	for _, rs := range c.list("ReplicaSet", "") {
		if owner := metav1.GetControllerOf(rs); !living[owner.UID] {
			delete(c.objects, keyOf(rs))
		}
	}
	for _, p := range c.pods {
		if !living[p.owner] {
			c.dismiss(p) // its Deployment was deleted in the background
		}
		was := p.sick
		p.sick = c.sick[p.labels["version"]]
		if p.deaf && !p.crashes && !c.isStuck(p) {
			p.deaf, p.readyAt = false, c.now
		}
		if was && !p.sick {
			p.readyAt = c.now // a kubelet notes when it became ready again
		}
	}
	c.pods = slices.DeleteFunc(c.pods, func(p *pod) bool {
		over := p.leaving() && !c.now.Before(p.goneAt)
		if over {
			c.gone = append(c.gone, p)
		}
		return over
	})
	for _, d := range c.list("Deployment", "") {
		if d.GetDeletionTimestamp() != nil && len(c.podsOf(d.GetUID())) == 0 {
			delete(c.objects, keyOf(d)) // foreground deletion is over
			delete(c.objects, "ReplicaSet "+d.GetNamespace()+"/"+d.GetName())
		}
	}
	for _, d := range c.list("Deployment", "") {
		c.syncStatus(d)
	}
}

func (c *cluster) dismiss(p *pod) {
	if !p.leaving() {
		p.goneAt = c.now.Add(shutDown)
	}
}

func (c *cluster) podsOf(owner types.UID) []*pod {
	var out []*pod
	for _, p := range c.pods {
		if p.owner == owner {
			out = append(out, p)
		}
	}
	return out
}

// syncReplicaSet copies a Deployment's annotations to its ReplicaSet, and never
// takes one away there: what kubectl rollout undo finds.
func (c *cluster) syncReplicaSet(d *unstructured.Unstructured) {
	key := "ReplicaSet " + d.GetNamespace() + "/" + d.GetName()
	rs := c.objects[key]
	if rs == nil {
		rs = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet"}}
		rs.SetNamespace(d.GetNamespace())
		rs.SetName(d.GetName())
		rs.SetUID("rs-" + d.GetUID())
		controller := true
		rs.SetOwnerReferences(ownedBy(d, controller))
	}
	rs = rs.DeepCopy()
	annotations := rs.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	for key, value := range d.GetAnnotations() {
		annotations[key] = value
	}
	if len(annotations) > 0 { // the API server keeps no empty map
		rs.SetAnnotations(annotations)
	}
	c.objects[key] = rs
}

// nextEvent is when the next pod becomes ready or goes; zero when none will.
func (c *cluster) nextEvent() time.Time {
	var next time.Time
	note := func(at time.Time) {
		if at.After(c.now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, p := range c.pods {
		if p.leaving() {
			note(p.goneAt)
		} else if !p.deaf && !p.sick {
			note(p.readyAt)
		}
	}
	return next
}

// advance lets time pass, stopping at everything that happens in it.
func (c *cluster) advance(d time.Duration) {
	for until := c.now.Add(d); ; {
		next := c.nextEvent()
		if next.IsZero() || next.After(until) {
			c.now = until
			c.syncPods()
			c.judge.check()
			return
		}
		c.now = next
		c.syncPods()
		c.judge.check()
	}
}

// planPods gives the pods and endpoints of a Service as a snapshot has them.
func (c *cluster) planPods(service release.Service) (pods []plan.Pod, endpoints []plan.Endpoint) {
	for _, p := range c.pods {
		if p.namespace != service.Namespace || !service.Selects(labels.Set(p.labels)) {
			continue
		}
		made := plan.Pod{Name: p.name, Labels: p.labels, Ready: p.ready(c.now), Leaving: p.leaving(), Owner: p.of, Controller: p.by}
		if made.Ready {
			made.ReadySince = p.readyAt
		}
		if p.deaf {
			made.Trouble = "CrashLoopBackOff: back-off 10s restarting failed container"
		}
		pods = append(pods, made)
		endpoints = append(endpoints, plan.Endpoint{Pod: p.name, Ready: made.Ready || service.PublishesUnready})
	}
	return pods, endpoints
}
