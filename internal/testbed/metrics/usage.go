package metrics

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	// CPUAnnotation on a pod is the CPU that it is said to use, in cores, as a
	// Quantity of 0 or more such as 250m. It may change at any time.
	CPUAnnotation = "testbed/cpu"
	// MemoryAnnotation is its memory, in bytes, such as 64Mi.
	MemoryAnnotation = "testbed/memory"
)

// defaults is what a pod without annotations uses: next to nothing.
var defaults = map[string]resource.Quantity{
	CPUAnnotation: resource.MustParse("1m"), MemoryAnnotation: resource.MustParse("16Mi"),
}

// isMeasured tells whether a pod has metrics: while its containers run.
func isMeasured(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

// usageOf is what a pod uses. Its first container uses all of it.
func usageOf(pod *corev1.Pod) (corev1.ResourceList, error) {
	cpu, err := quantity(pod, CPUAnnotation)
	if err != nil {
		return nil, err
	}
	memory, err := quantity(pod, MemoryAnnotation)
	if err != nil {
		return nil, err
	}
	return corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory}, nil
}

func quantity(pod *corev1.Pod, annotation string) (resource.Quantity, error) {
	value, ok := pod.Annotations[annotation]
	if !ok {
		return defaults[annotation], nil
	}
	q, err := resource.ParseQuantity(value)
	if err != nil {
		return resource.Quantity{}, fmt.Errorf("pod %s/%s: annotation %s: %q: want a quantity such as 250m: %w", pod.Namespace, pod.Name, annotation, value, err)
	}
	if q.Sign() < 0 {
		return resource.Quantity{}, fmt.Errorf("pod %s/%s: annotation %s: %q: want a quantity of 0 or more", pod.Namespace, pod.Name, annotation, value)
	}
	return q, nil
}

// podMetrics is a pod's answer. The horizontal pod autoscaler wants every
// container of the pod in it.
func podMetrics(pod *corev1.Pod, now metav1.Time) (*v1beta1.PodMetrics, error) {
	usage, err := usageOf(pod)
	if err != nil {
		return nil, err
	}
	m := &v1beta1.PodMetrics{
		TypeMeta:   metav1.TypeMeta{Kind: "PodMetrics", APIVersion: v1beta1.SchemeGroupVersion.String()},
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels, CreationTimestamp: now},
		Timestamp:  now, Window: metav1.Duration{Duration: window},
	}
	for _, c := range pod.Spec.Containers {
		m.Containers = append(m.Containers, v1beta1.ContainerMetrics{Name: c.Name, Usage: usage})
		usage = corev1.ResourceList{corev1.ResourceCPU: resource.Quantity{}, corev1.ResourceMemory: resource.Quantity{}}
	}
	return m, nil
}

// nodeMetrics is the sum of the pods on a node.
func nodeMetrics(node *corev1.Node, pods []*corev1.Pod, now metav1.Time) *v1beta1.NodeMetrics {
	var cpu, memory resource.Quantity
	for _, pod := range pods {
		if usage, err := usageOf(pod); err == nil && isMeasured(pod) && pod.Spec.NodeName == node.Name {
			cpu.Add(usage[corev1.ResourceCPU])
			memory.Add(usage[corev1.ResourceMemory])
		}
	}
	return &v1beta1.NodeMetrics{
		TypeMeta:   metav1.TypeMeta{Kind: "NodeMetrics", APIVersion: v1beta1.SchemeGroupVersion.String()},
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels, CreationTimestamp: now},
		Timestamp:  now, Window: metav1.Duration{Duration: window},
		Usage: corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory},
	}
}
