package node

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

func (r *runner) startProcess(ctx context.Context, pod *corev1.Pod, spec *corev1.Container) container {
	c, _ := r.startSimulated(pod, spec)
	return c
}
