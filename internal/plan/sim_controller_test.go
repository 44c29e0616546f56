package plan_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

func sameObject(a, b *unstructured.Unstructured) bool { return reflect.DeepEqual(a.Object, b.Object) }

// ours says whether the controller's cache keeps a Deployment whole.
func ours(d *unstructured.Unstructured) bool {
	_, clone := d.GetLabels()[intent.LabelTask]
	return clone || intent.Starts(d.GetAnnotations())
}

// remnant is what the controller's cache keeps of other Deployments.
func (c *cluster) remnant(d *unstructured.Unstructured) *unstructured.Unstructured {
	if out, ok := c.remnants[d]; ok {
		return out
	}
	out := d.DeepCopy()
	spec := map[string]any{}
	for _, path := range [][]string{{"replicas"}, {"selector"}, {"template", "metadata", "labels"}} {
		if value, ok, _ := unstructured.NestedFieldCopy(d.Object, append([]string{"spec"}, path...)...); ok {
			if err := unstructured.SetNestedField(spec, value, path...); err != nil {
				panic(err)
			}
		}
	}
	out.Object["spec"] = spec
	out.SetAnnotations(nil)
	c.remnants[d] = out
	return out
}

// snapshot reads what the controller reads.
func (c *cluster) snapshot(key types.NamespacedName) plan.Snapshot {
	s := plan.Snapshot{Key: key, Settings: c.settings, Ways: c.ways, Service: c.get("Service " + key.String())}
	s.Services = c.list("Service", key.Namespace)
	for _, d := range c.list("Deployment", key.Namespace) {
		if !ours(d) {
			d = c.remnant(d)
		}
		s.Deployments = append(s.Deployments, d)
	}
	for _, vs := range c.list("VirtualService", "") {
		services, wildcard := route.Concerns(vs)
		if slices.Contains(services, key) || wildcard && route.Stands(vs, key).Wildcard != "" {
			s.VirtualServices = append(s.VirtualServices, vs)
		}
	}
	for _, rule := range c.list("DestinationRule", "") {
		if route.Matches(rule, key) {
			s.DestinationRules = append(s.DestinationRules, rule)
		}
	}
	if s.Service == nil {
		s.ReplicaSets = c.replicaSets(key.Namespace, plan.Lost(s))
		return s
	}
	claim := c.claim(key)
	s.Pods, s.Endpoints = c.planPods(release.ServiceOf(s.Service))
	s.Strangers = c.strangers
	if claim != nil {
		if s.UnknownScalers = c.unlisted; c.unlisted == "" {
			s.Autoscalers = c.list("HorizontalPodAutoscaler", key.Namespace)
		}
		if claim.Phase == release.Cancelling || claim.Phase == release.Finishing && claim.Finish == intent.InPlace {
			s.ReplicaSets = c.replicaSets(key.Namespace, []types.UID{claim.Original.UID})
		}
	}
	return s
}

// replicaSets gives those of these Deployments.
func (c *cluster) replicaSets(namespace string, of []types.UID) (out []*unstructured.Unstructured) {
	for _, rs := range c.list("ReplicaSet", namespace) {
		if owner := metav1.GetControllerOf(rs); owner != nil && slices.Contains(of, owner.UID) {
			out = append(out, rs)
		}
	}
	return out
}

// pass makes one pass of the controller for a Service: it says whether anything
// was written, and when to look again.
func (c *cluster) pass(key types.NamespacedName) (wrote bool, after time.Duration) {
	s := c.snapshot(key)
	p := plan.Make(s, c.now)
	for _, e := range p.Events {
		if e.Warning {
			c.say("event   %s on %s: %s", e.Reason, keyOf(e.On), e.Message)
		}
	}
	if p.Idle() {
		if p.Holds == "" { // else it will write, once every proxy knows a subset
			c.judge.rested(key)
		}
		return false, p.After
	}
	var failed []plan.Change
	before := c.writes
	for _, change := range p.Changes {
		if change.Skips(failed) {
			continue
		}
		if err := c.apply(change); err != nil {
			failed = append(failed, change)
			c.say("failed  %s %s: %v", change.Action, keyOf(target(change)), err)
			continue
		}
		c.say("%-7s %s: %s", change.Action, keyOf(target(change)), change.Why)
		if c.wrote() {
			return true, 0
		}
	}
	if len(failed) > 0 {
		return c.frozen == "" || c.writes > before, retried
	}
	if len(p.Annotations) > 0 {
		c.annotateService(s.Service, p)
	}
	return true, p.After
}

// retried is when what failed is tried again.
const retried = 5 * time.Second

// wrote counts a write, lets the judge look at it, and says whether the
// controller dies now.
func (c *cluster) wrote() (dies bool) {
	c.writes++
	c.lines = append(c.lines, len(c.log))
	c.judge.written()
	if c.afterWrite != nil {
		c.afterWrite()
	}
	return c.oneByOne || c.writes == c.crashAt
}

func target(change plan.Change) *unstructured.Unstructured {
	if change.Object != nil {
		return change.Object
	}
	return change.Before
}

// apply does one write as the API server would.
func (c *cluster) apply(change plan.Change) error {
	key := keyOf(target(change))
	there := c.objects[key]
	if c.frozen != "" && target(change).GetNamespace() == c.frozen {
		return fmt.Errorf("%s: namespace %s is frozen", key, c.frozen)
	}
	switch change.Action {
	case plan.Create:
		if there != nil {
			return fmt.Errorf("%s exists: %w", key, errConflict)
		}
		if err := selectsItsPods(change.Object); err != nil {
			return err
		}
		c.put(c.admitted(change.Object))
		return nil
	case plan.Forget:
		return c.forget(there, change)
	}
	if there == nil || there.GetUID() != change.Before.GetUID() {
		return fmt.Errorf("%s is gone: %w", key, errConflict)
	}
	if there.GetResourceVersion() != change.Before.GetResourceVersion() {
		return fmt.Errorf("%s was changed: %w", key, errConflict)
	}
	switch change.Action {
	case plan.Update:
		if there.GetKind() == "Deployment" && !ours(there) {
			c.fail("%s is written although the cache holds but a remnant of it", key)
		}
		if err := selectsItsPods(change.Object); err != nil {
			return err
		}
		c.put(c.admitted(change.Object))
	case plan.Delete:
		for _, p := range c.podsOf(there.GetUID()) {
			p.taken = true
		}
		c.foreground(there)
	case plan.Scale:
		replicas, _, _ := unstructured.NestedInt64(change.Object.Object, "spec", "replicas")
		scaled := there.DeepCopy()
		if err := unstructured.SetNestedField(scaled.Object, replicas, "spec", "replicas"); err != nil {
			return err
		}
		c.put(scaled)
	case "label":
		c.put(labelled(there, change.Object.GetLabels()))
	default:
		return fmt.Errorf("unknown action %q", change.Action)
	}
	return nil
}

// selectsItsPods is the API server's own check of a Deployment.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector
func selectsItsPods(u *unstructured.Unstructured) error {
	if u.GetKind() != "Deployment" {
		return nil
	}
	if w := release.WorkloadOf(u); !w.Selects(w.Template) {
		return fmt.Errorf("%s is invalid: selector does not match template labels", keyOf(u))
	}
	return nil
}

// labelled is what a merge patch of labels makes of an object.
func labelled(u *unstructured.Unstructured, labels map[string]string) *unstructured.Unstructured {
	out, all := u.DeepCopy(), u.GetLabels()
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels)
	out.SetLabels(all)
	return out
}

// foreground deletes with foreground propagation.
func (c *cluster) foreground(u *unstructured.Unstructured) {
	if u.GetKind() != "Deployment" {
		c.drop(keyOf(u))
		return
	}
	leaving := u.DeepCopy()
	at := metav1.NewTime(c.now)
	leaving.SetDeletionTimestamp(&at)
	c.put(leaving)
}

// forget removes annotations that still have the value that was seen.
func (c *cluster) forget(there *unstructured.Unstructured, change plan.Change) error {
	if there == nil {
		return nil
	}
	after, has := change.Object.GetAnnotations(), there.GetAnnotations()
	for key, value := range change.Before.GetAnnotations() {
		if _, stays := after[key]; stays {
			continue
		}
		if has[key] != value {
			return fmt.Errorf("annotation %s was changed: %w", key, errConflict)
		}
		delete(has, key)
	}
	out := there.DeepCopy()
	if len(has) == 0 {
		has = nil
	}
	out.SetAnnotations(has)
	c.put(out)
	return nil
}

// annotateService writes a plan's annotations by the resourceVersion that was read.
func (c *cluster) annotateService(read *unstructured.Unstructured, p plan.Plan) {
	there := c.get(keyOf(read))
	if there == nil || there.GetResourceVersion() != read.GetResourceVersion() {
		c.say("failed  status of %s: %v", keyOf(read), errConflict)
		return
	}
	out, annotations := there.DeepCopy(), there.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	for key, value := range p.Annotations {
		if value == nil {
			delete(annotations, key)
		} else {
			annotations[key] = *value
		}
	}
	if size := len(annotations[intent.AnnotationStatus]) + len(annotations[intent.AnnotationHistory]); size > release.MostBytes {
		c.fail("status and history of %s have %d bytes", keyOf(read), size)
	}
	out.SetAnnotations(annotations)
	c.put(out)
	c.say("status  %s: %s", keyOf(read), describe(p))
	c.wrote()
}

// describe says what a status write tells: phase, steps and true conditions.
func describe(p plan.Plan) string {
	_, closes := p.Annotations[intent.AnnotationHistory]
	s := p.Status
	if s == nil || closes && p.Annotations[intent.AnnotationStatus] == nil {
		if s == nil || !s.Phase.Ended() {
			return "history"
		}
		return string(s.Phase) + ", closed"
	}
	var words []string
	for _, step := range slices.Sorted(maps.Keys(s.Steps)) {
		if s.Steps[step].Equal(latest(s.Steps)) {
			words = append(words, string(step))
		}
	}
	out := fmt.Sprintf("%s {%s}", s.Phase, strings.Join(words, " "))
	for _, cond := range s.Conditions {
		if cond.Status == metav1.ConditionTrue {
			out += " " + cond.Type + "=" + cond.Reason
		}
	}
	return out
}

func latest(steps release.Steps) (at time.Time) {
	for _, t := range steps {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// mostPasses is far above what any scenario needs.
const mostPasses = 2000

// settle runs the controller until nothing is left to do and nothing will happen.
func (c *cluster) settle() { c.until(func() bool { return false }) }

// until runs the controller until a condition holds, or nothing is left to do.
// It says whether the condition holds.
func (c *cluster) until(done func() bool) bool {
	for range mostPasses {
		if c.pointless || done() {
			return true
		}
		wrote, after := c.turn()
		if wrote {
			continue
		}
		next := c.next(after)
		if next.IsZero() {
			c.judge.settled()
			return done()
		}
		c.advance(next.Sub(c.now))
	}
	c.fail("still busy after %d passes", mostPasses)
	return false
}

// next is when a timer of the controller or an event would wake it.
func (c *cluster) next(after time.Duration) time.Time {
	next := c.nextEvent()
	if timer := c.now.Add(after); after > 0 && (next.IsZero() || timer.Before(next)) {
		return timer
	}
	return next
}

// goOn runs the controller for that long.
func (c *cluster) goOn(d time.Duration) {
	end := c.now.Add(d)
	for c.now.Before(end) {
		wrote, after := c.turn()
		if wrote {
			continue
		}
		if next := c.next(after); !next.IsZero() && next.Before(end) {
			c.advance(next.Sub(c.now))
		} else {
			c.advance(end.Sub(c.now))
		}
	}
}

// turn makes a pass for each Service, and says when to look again.
func (c *cluster) turn() (wrote bool, after time.Duration) {
	for _, key := range c.services {
		w, a := c.pass(key)
		wrote = wrote || w
		if a > 0 && (after == 0 || a < after) {
			after = a
		}
	}
	return wrote, after
}
