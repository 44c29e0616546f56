package plan_test

import (
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// revision is an object as it stood from a moment on; nil once deleted.
type revision struct {
	from time.Time
	u    *unstructured.Unstructured
}

// judge knows what the proxies of a mesh may know. Any proxy may hold any
// revision of a route, and any of a rule, that stood within the last
// propagation delay, and does not hold them of one moment: every combination
// must serve every request, by a version that the policy allows.
type judge struct {
	c         *cluster
	revisions map[string][]revision                 // of VirtualServices and DestinationRules
	meshless  map[types.NamespacedName][]revision   // u is set while no VirtualService stands for the host
	users     map[string]*unstructured.Unstructured // what the user wrote last
	claims    map[types.NamespacedName]*release.Status
	changed   string // the key that the last write changed

	asked      map[types.NamespacedName][]asking
	evaluators map[*unstructured.Unstructured]*judged
	emptied    map[types.NamespacedName]bool // the user took the original's version from its pods, past the guard

	meddled  bool      // somebody else acted, and the controller is not done with it
	excused  time.Time // until then requests may suffer from that
	ruleless bool      // the same of a rule of ours that somebody deleted
}

func (j *judge) init(c *cluster) {
	*j = judge{c: c, revisions: map[string][]revision{}, meshless: map[types.NamespacedName][]revision{},
		users: map[string]*unstructured.Unstructured{}, claims: map[types.NamespacedName]*release.Status{},
		asked: map[types.NamespacedName][]asking{}, evaluators: map[*unstructured.Unstructured]*judged{},
		emptied: map[types.NamespacedName]bool{}}
}

// seen notes a new revision.
func (j *judge) seen(key string, u *unstructured.Unstructured) {
	j.changed = key
	kind := kindOf(key)
	if kind == "Deployment" || kind == "Service" {
		j.noteAsked()
	}
	if kind != "VirtualService" && kind != "DestinationRule" {
		return
	}
	j.revisions[key] = append(j.revisions[key], revision{j.c.now, u})
	for _, service := range j.c.services {
		j.noteMeshless(service)
	}
}

func (j *judge) noteMeshless(service types.NamespacedName) {
	host := &unstructured.Unstructured{Object: map[string]any{}}
	for _, vs := range j.c.list("VirtualService", "") {
		if route.Stands(vs, service).InMesh() || takesConnections(vs, service) { // a port of connections is the only one
			host = nil
			break
		}
	}
	j.meshless[service] = append(j.meshless[service], revision{j.c.now, host})
}

// takesConnections says whether a TCP or TLS route sends connections to the Service.
func takesConnections(vs *unstructured.Unstructured, service types.NamespacedName) bool {
	for _, kind := range []string{"tcp", "tls"} {
		routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", kind)
		for _, r := range routes {
			fields, _ := r.(map[string]any)
			to, _, _ := unstructured.NestedSlice(fields, "route")
			for _, d := range to {
				destination, _ := d.(map[string]any)
				host, _, _ := unstructured.NestedString(destination, "destination", "host")
				if named, ok := route.ServiceOf(host, vs.GetNamespace()); ok && named == service {
					return true
				}
			}
		}
	}
	return false
}

// window gives the revisions that some proxy may still hold.
func (j *judge) window(revisions []revision) []*unstructured.Unstructured {
	since := j.c.now.Add(-j.c.settings.Propagation)
	var out []*unstructured.Unstructured
	for n, r := range revisions {
		over := n+1 < len(revisions) && !revisions[n+1].from.After(since)
		replaced := n+1 < len(revisions) && revisions[n+1].from.Equal(r.from)
		if !over && !(replaced && r.from.Equal(revisions[0].from)) {
			out = append(out, r.u)
		}
	}
	return out
}

// meddle notes that somebody else acted in a way that can hurt requests until
// the controller has answered, and every proxy knows it.
func (j *judge) meddle() { j.meddled = true }

// abandon notes that the user has left a Service without a release, or with one that
// is cancelled and has lost its clone, and without one of its versions: nobody leads its
// routes elsewhere.
func (j *judge) abandon() {
	for service, last := range j.claims {
		stands := func(name string) bool {
			d := j.c.get("Deployment " + service.Namespace + "/" + name)
			return d != nil && d.GetDeletionTimestamp() == nil
		}
		claim := j.c.claim(service)
		over := claim == nil || claim.Phase == release.Cancelling && !stands(last.Clone)
		if over && !(stands(last.Original.Name) && stands(last.Clone)) {
			j.emptied[service] = true
		}
	}
}

// settled is called when the controller has nothing left to do.
func (j *judge) settled() {
	if j.meddled {
		j.meddled, j.excused = false, j.c.now.Add(j.c.settings.Propagation)
	} else if !j.c.now.Before(j.excused) {
		j.ruleless = false
	}
	for _, service := range j.c.services {
		j.statusIsTrue(service)
		j.delivered(service)
	}
}

func (j *judge) lenient() bool {
	for _, sick := range j.c.sick {
		if sick {
			return true
		}
	}
	return j.meddled || j.c.now.Before(j.excused)
}

// statusIsTrue holds the status against what the VirtualServices say.
func (j *judge) statusIsTrue(service types.NamespacedName) {
	claim := j.c.claim(service)
	if claim == nil {
		return
	}
	live := release.Live{Weight: 10000}
	for _, l := range j.live(service) {
		live.Weight, live.Most, live.Routes = min(live.Weight, l.Min), max(live.Most, l.Max), live.Routes+l.Routes
		live.Content, live.Mirror = live.Content+l.Content, max(live.Mirror, l.Mirror)
	}
	if live.Routes == 0 {
		if claim.Live != nil {
			j.c.fail("status of %s says %+v, and no route of ours stands", service, *claim.Live)
		}
		return
	}
	if claim.Live == nil || claim.Live.Routes != live.Routes || claim.Live.Most != live.Most || claim.Live.Content != live.Content || claim.Live.Mirror != live.Mirror {
		j.c.fail("status of %s says %+v, and the routes say %+v", service, claim.Live, live)
	}
}

// written judges the controller's last write.
func (j *judge) written() {
	j.raise()
	j.usersPart()
	j.check()
	j.changed = ""
}

// raise: a share goes up only for a version that has ready pods.
func (j *judge) raise() {
	revisions := j.revisions[j.changed]
	if kindOf(j.changed) != "VirtualService" || len(revisions) == 0 {
		return
	}
	var before []route.Live
	if n := len(revisions) - 2; n >= 0 && revisions[n].u != nil {
		before = route.Read(revisions[n].u)
	}
	after := revisions[len(revisions)-1].u
	if after == nil {
		return
	}
	for _, live := range route.Read(after) {
		n := slices.IndexFunc(before, func(b route.Live) bool { return b.Service == live.Service })
		was := route.Live{}
		if n >= 0 {
			was = before[n]
		}
		claim := j.c.claim(live.Service)
		raised := live.Max > was.Max || live.Content > was.Content && was.Max < intent.Full || live.Mirror > was.Mirror
		if claim == nil && (raised || n < 0) {
			j.c.fail("%s gets routes of ours for %s, which no release holds", j.changed, live.Service)
		}
		if raised && j.readyOf(live.Service, claim.Grayscale.Version) == 0 && j.readyOf(live.Service, claim.Original.Version) > 0 {
			j.c.fail("%s gives %s %%, %d content routes and a mirror of %s %% to a version without ready pods", j.changed, live.Max, live.Content, live.Mirror)
		}
	}
}

func (j *judge) readyOf(service types.NamespacedName, version string) (n int) {
	for _, p := range j.c.pods {
		if p.namespace == service.Namespace && p.labels["version"] == version && p.ready(j.c.now) {
			n++
		}
	}
	return n
}

// usersPart: what the user wrote stays as it is, but for the subsets that a
// finish by replace moves.
func (j *judge) usersPart() {
	u := j.c.objects[j.changed]
	user := j.users[j.changed]
	if u == nil || user == nil {
		if user != nil && u == nil && !j.replaced(user) {
			j.c.fail("the user's %s was deleted", j.changed)
		}
		return
	}
	switch u.GetKind() {
	case "VirtualService":
		j.userRoutes(u, user)
	case "DestinationRule":
		j.userRule(u, user)
	case "Deployment":
		if renewed := j.renewed(u, user); renewed != nil && !reflect.DeepEqual(u.Object["spec"], user.Object["spec"]) {
			user, j.users[j.changed] = renewed, renewed
		}
		if !reflect.DeepEqual(u.Object["spec"], user.Object["spec"]) || !reflect.DeepEqual(u.GetLabels(), user.GetLabels()) {
			j.c.fail("the user's %s was changed", j.changed)
		}
	}
}

// replaced says whether a finish takes that Deployment away.
func (j *judge) replaced(d *unstructured.Unstructured) bool {
	for _, service := range j.c.services {
		claim := j.c.claim(service)
		if claim != nil && claim.Finish == intent.Replace && claim.Phase == release.Finishing && keyOf(d) == "Deployment "+service.Namespace+"/"+claim.Original.Name {
			return true
		}
	}
	return false
}

// renewed is the user's original as a finish in place makes it; nil while that is
// not due.
func (j *judge) renewed(d, user *unstructured.Unstructured) *unstructured.Unstructured {
	for _, service := range j.c.services {
		claim := j.c.claim(service)
		if claim == nil || claim.Finish != intent.InPlace || claim.Phase != release.Finishing || claim.Original.UID != d.GetUID() {
			continue
		}
		if out, err := workload.Renewed(user, claim); err == nil {
			return out // else it is renewed already
		}
	}
	return nil
}

// asWritten compares spec, labels and annotations.
func asWritten(a, b *unstructured.Unstructured) bool {
	return reflect.DeepEqual(a.Object["spec"], b.Object["spec"]) && reflect.DeepEqual(a.GetLabels(), b.GetLabels()) &&
		reflect.DeepEqual(a.GetAnnotations(), b.GetAnnotations())
}

func (j *judge) userRoutes(vs, user *unstructured.Unstructured) {
	stripped := route.Strip(vs)
	if asWritten(stripped, user) {
		return
	}
	for service, claim := range j.claims {
		if original := j.c.get("Deployment " + service.Namespace + "/" + claim.Original.Name); original != nil && original.GetDeletionTimestamp() == nil && release.WorkloadOf(original).Template["version"] != claim.Grayscale.Version {
			continue // one that leaves does not come back, nor does one that has become the next
		}
		for _, name := range j.subsetsOf(service, claim.Grayscale.Version) {
			moved := route.Retarget(user, service, map[string]string{claim.Original.Version: name})
			if asWritten(stripped, moved) {
				j.users[j.changed] = moved
				return
			}
		}
	}
	j.c.fail("the user's part of %s was changed to %v", j.changed, stripped.Object["spec"])
}

// subsetsOf names the user's subsets that select a version alone.
func (j *judge) subsetsOf(service types.NamespacedName, version string) (names []string) {
	for _, rule := range j.c.list("DestinationRule", service.Namespace) {
		if route.Ours(rule) {
			continue
		}
		subsets, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
		for _, s := range subsets {
			m, _ := s.(map[string]any)
			if selector, _, _ := unstructured.NestedStringMap(m, "labels"); selector["version"] == version {
				name, _ := m["name"].(string)
				names = append(names, name)
			}
		}
	}
	return names
}

// userRule allows subsets of the version that stays, behind the user's own.
func (j *judge) userRule(rule, user *unstructured.Unstructured) {
	if asWritten(rule, user) {
		return
	}
	finishing := false
	for service := range j.claims {
		if claim := j.c.claim(service); claim != nil && claim.Phase == release.Finishing {
			finishing = true
		}
	}
	is, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
	was, _, _ := unstructured.NestedSlice(user.Object, "spec", "subsets")
	trimmed := rule.DeepCopy()
	if len(is) > len(was) && finishing {
		if err := unstructured.SetNestedSlice(trimmed.Object, is[:len(was)], "spec", "subsets"); err != nil {
			j.c.fail("%v", err)
		}
	}
	if !asWritten(trimmed, user) {
		j.c.fail("the user's %s was changed to %v", j.changed, rule.Object["spec"])
	}
	j.users[j.changed] = rule.DeepCopy()
}
