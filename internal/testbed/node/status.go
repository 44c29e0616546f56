package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

// ReadyAnnotation on a pod, "false", makes it unready at once, though it goes
// on serving.
const ReadyAnnotation = "testbed/ready"

// status derives the pod's status from its containers', as a kubelet does:
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
func (r *runner) status(pod *corev1.Pod, now time.Time) (*corev1.PodStatus, time.Time) {
	s := &corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: network.NodeIP, HostIPs: []corev1.HostIP{{IP: network.NodeIP}},
		PodIP: r.ip, PodIPs: []corev1.PodIP{{IP: r.ip}}, StartTime: &r.started,
	}
	var next time.Time
	unready := ""
	for _, c := range r.containers {
		cs, change := c.status(now)
		if !change.IsZero() && (next.IsZero() || change.Before(next)) {
			next = change
		}
		if pod.Annotations[ReadyAnnotation] == "false" {
			cs.Ready = false
		}
		if !cs.Ready {
			unready = "containers with unready status: [" + cs.Name + "]"
		}
		if cs.State.Waiting != nil && cs.RestartCount == 0 {
			s.Phase = corev1.PodPending
		}
		s.ContainerStatuses = append(s.ContainerStatuses, cs)
	}
	s.InitContainerStatuses = initStatuses(pod, r.started)
	r.conditions(pod, s, unready, now)
	return s, next
}

// initStatuses have every init container end well at once.
func initStatuses(pod *corev1.Pod, at metav1.Time) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for _, c := range pod.Spec.InitContainers {
		all = append(all, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: c.Image, Ready: true, Started: new(false),
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: at, FinishedAt: at}},
		})
	}
	return all
}

func (r *runner) conditions(pod *corev1.Pod, s *corev1.PodStatus, unready string, now time.Time) {
	r.condition(s, corev1.PodReadyToStartContainers, "", "", now)
	r.condition(s, corev1.PodInitialized, "", "", now)
	r.condition(s, corev1.PodScheduled, "", "", now)
	reason := ""
	if unready != "" {
		reason = "ContainersNotReady"
	}
	r.condition(s, corev1.ContainersReady, reason, unready, now)
	if unready == "" {
		if gate := closedGate(pod); gate != "" {
			reason, unready = "ReadinessGatesNotReady", "readiness gate "+gate+" is not true"
		}
	}
	r.condition(s, corev1.PodReady, reason, unready, now)
}

// condition adds one, true when there is no reason why not. It keeps the time
// of the last change.
func (r *runner) condition(s *corev1.PodStatus, kind corev1.PodConditionType, reason, message string, now time.Time) {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Truncate(time.Second))}
	if reason != "" {
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, reason, message
	}
	if r.reported != nil {
		for _, old := range r.reported.Conditions {
			if old.Type == kind && old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
		}
	}
	s.Conditions = append(s.Conditions, c)
}

// closedGate returns the first readiness gate that is not true.
func closedGate(pod *corev1.Pod) string {
	for _, gate := range pod.Spec.ReadinessGates {
		open := false
		for _, c := range pod.Status.Conditions {
			open = open || c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}
		if !open {
			return string(gate.ConditionType)
		}
	}
	return ""
}
