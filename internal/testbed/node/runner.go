package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"reflect"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// container is one container of a pod, simulated or a process.
type container interface {
	// status says how it is now, and when that will change by itself (zero:
	// it won't, or nudges the runner).
	status(now time.Time) (corev1.ContainerStatus, time.Time)
	// stop ends it: a server goes on accepting for drain, then serves what is
	// open. When ctx ends, it ends at once.
	stop(ctx context.Context, drain time.Duration)
	// logs are what it printed.
	logs() logSource
}

// runner is one pod's life. All of it happens in run's goroutine.
type runner struct {
	node            *Node
	namespace, name string
	uid             types.UID
	wake            chan struct{}
	// gone is closed when the pod is.
	gone chan struct{}

	ip         string
	started    metav1.Time
	containers []container
	// published is containers, for readers in other goroutines.
	published atomic.Pointer[map[string]container]
	// reported is the last status that was written, and reasons the waiting
	// reason of each container that has had its event.
	reported *corev1.PodStatus
	reasons  map[string]string
}

func newRunner(n *Node, pod *corev1.Pod) *runner {
	return &runner{
		node: n, namespace: pod.Namespace, name: pod.Name, uid: pod.UID,
		wake: make(chan struct{}, 1), gone: make(chan struct{}), reasons: map[string]string{},
	}
}

// nudge makes the runner look again.
func (r *runner) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// retryAfter is the pause after an API call that failed.
const retryAfter = 200 * time.Millisecond

func (r *runner) run(ctx context.Context) {
	defer r.cleanUp()
	for ctx.Err() == nil {
		pod, err := r.node.pods.Pods(r.namespace).Get(r.name)
		switch {
		case err != nil || pod.UID != r.uid:
			// Deleted without grace. What it is serving may end all the same.
			r.stop(0, defaultGrace)
			return
		case pod.DeletionTimestamp != nil:
			if r.terminate(ctx, pod) {
				return
			}
			continue
		}
		next, err := r.sync(ctx, pod)
		if err != nil {
			log.Printf("pod %s/%s: %v", r.namespace, r.name, err)
			next = time.Now().Add(retryAfter)
		}
		r.pause(ctx, next)
	}
}

// pause waits for a nudge, or until a time if it is not zero.
func (r *runner) pause(ctx context.Context, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-alarm:
	}
}

// sync brings the pod one step on: bound, started, status written. It returns
// when to look again.
func (r *runner) sync(ctx context.Context, pod *corev1.Pod) (time.Time, error) {
	if pod.Spec.NodeName == "" {
		return time.Time{}, r.bind(ctx)
	}
	if r.containers == nil {
		if err := r.start(pod); err != nil {
			return time.Time{}, err
		}
	}
	status, next := r.status(pod, time.Now())
	return next, r.report(ctx, pod, status)
}

func (r *runner) bind(ctx context.Context) error {
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: r.name, Namespace: r.namespace, UID: r.uid},
		Target:     corev1.ObjectReference{Kind: "Node", Name: Name},
	}
	err := r.node.Client.CoreV1().Pods(r.namespace).Bind(ctx, binding, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		// Deleted or bound meanwhile: the watch says so.
		return nil
	}
	if err != nil {
		return fmt.Errorf("binding it to node %s: %w", Name, err)
	}
	return nil
}

func (r *runner) start(pod *corev1.Pod) error {
	ip, err := r.node.addresses.take()
	if err != nil {
		return err
	}
	r.ip, r.started = ip, metav1.Now()
	byName := map[string]container{}
	for i := range pod.Spec.Containers {
		spec := &pod.Spec.Containers[i]
		var c container
		if name, _ := splitImage(spec.Image); name == ControllerImage {
			c = r.startProcess(pod, spec)
		} else {
			c = r.startSimulated(pod, spec)
		}
		r.containers = append(r.containers, c)
		byName[spec.Name] = c
	}
	r.published.Store(&byName)
	return nil
}

// report writes the status if it says anything new.
func (r *runner) report(ctx context.Context, pod *corev1.Pod, status *corev1.PodStatus) error {
	if reflect.DeepEqual(status, r.reported) {
		return nil
	}
	patch, err := r.statusPatch(status)
	if err != nil {
		return fmt.Errorf("encoding its status: %w", err)
	}
	_, err = r.node.Client.CoreV1().Pods(r.namespace).Patch(ctx, r.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing its status: %w", err)
	}
	r.reported = status
	r.tell(pod, status)
	return nil
}

// statusPatch is the difference to the last status that was written, so that
// conditions of other writers, readiness gates for one, stay.
func (r *runner) statusPatch(status *corev1.PodStatus) ([]byte, error) {
	old := corev1.Pod{}
	if r.reported != nil {
		old.Status = *r.reported
	}
	before, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	// The UID makes it a conflict to write to another pod of that name.
	after, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: r.uid}, Status: *status})
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Pod{})
}

// tell makes an event of every new reason to wait.
func (r *runner) tell(pod *corev1.Pod, status *corev1.PodStatus) {
	for _, c := range status.ContainerStatuses {
		reason := ""
		if c.State.Waiting != nil {
			reason = c.State.Waiting.Reason
		}
		if reason == r.reasons[c.Name] {
			continue
		}
		r.reasons[c.Name] = reason
		switch reason {
		case "", "ContainerCreating":
		case reasonCrash:
			r.node.events.Eventf(pod, corev1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s in pod %s", c.Name, r.name)
		default:
			r.node.events.Eventf(pod, corev1.EventTypeWarning, "Failed", "%s: %s", reason, c.State.Waiting.Message)
		}
	}
}
