package node

import (
	"context"
	"log"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// DrainAnnotation on a pod says for how many seconds it goes on accepting
	// after its deletion; without it 2, or its grace period if that is shorter.
	DrainAnnotation = "testbed/drain"
	defaultDrain    = 2 * time.Second
	// defaultGrace is Kubernetes's default grace period.
	defaultGrace = 30 * time.Second
)

// terminate ends a pod that has been deleted: it goes on as before while its
// endpoint leaves the proxies, then takes no new connections, serves the open
// ones to the end and goes. It reports whether the pod is gone.
func (r *runner) terminate(ctx context.Context, pod *corev1.Pod) bool {
	grace := defaultGrace
	if s := pod.DeletionGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	r.stop(min(drainOf(pod), grace), max(grace, time.Second))
	err := r.node.Client.CoreV1().Pods(r.namespace).Delete(ctx, r.name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &r.uid},
	})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	log.Printf("pod %s/%s: deleting it after its end: %v", r.namespace, r.name, err)
	r.pause(ctx, time.Now().Add(retryAfter))
	return false
}

// stop stops all containers at once and waits for them, for grace at most.
func (r *runner) stop(drain, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range r.containers {
		all.Go(func() { c.stop(ctx, drain) })
	}
	all.Wait()
	r.containers = nil
}

func (r *runner) cleanUp() {
	close(r.gone)
	if r.ip != "" {
		r.node.addresses.free(r.ip)
	}
	if err := os.RemoveAll(r.node.podData(r.uid)); err != nil {
		log.Printf("pod %s/%s: removing its volumes: %v", r.namespace, r.name, err)
	}
}

// drainOf is how long a deleted pod goes on accepting.
func drainOf(pod *corev1.Pod) time.Duration {
	if value, ok := pod.Annotations[DrainAnnotation]; ok {
		if d, err := time.ParseDuration(value + "s"); err == nil && d >= 0 {
			return d
		}
	}
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		return min(defaultDrain, time.Duration(*s)*time.Second)
	}
	return defaultDrain
}
