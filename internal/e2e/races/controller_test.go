package races

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// replicas has the controller run so often until the test ends, all of them
// ready, and gives the names of their pods.
func (s shop) replicas(count int) (names []string) {
	s.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: manifests.Namespace, Name: manifests.Controller}}
	if err := cluster.Get(s.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		s.Fatalf("reading the controller's Deployment: %v", err)
	}
	before := ptr.Deref(d.Spec.Replicas, 1)
	scale := func(ctx context.Context, count int32) error {
		return cluster.SubResource("scale").Update(ctx, d, client.WithSubResourceBody(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: count}}))
	}
	if err := scale(s.Context(), int32(count)); err != nil {
		s.Fatalf("scaling the controller to %d: %v", count, err)
	}
	s.Cleanup(func() {
		if err := scale(context.WithoutCancel(s.Context()), before); err != nil {
			s.Errorf("scaling the controller back to %d: %v", before, err)
		}
	})
	s.eventually("the controller's replicas", func() (bool, string) {
		names = nil
		for _, pod := range s.controllers() {
			if s.serves(&pod) {
				names = append(names, pod.Name)
			}
		}
		return len(names) == count && len(s.controllers()) == count, fmt.Sprintf("ready are %v, want %d", names, count)
	})
	return names
}

// controllers are the controller's pods.
func (s shop) controllers() []corev1.Pod {
	s.Helper()
	var list corev1.PodList
	if err := cluster.List(s.Context(), &list, client.InNamespace(manifests.Namespace), client.MatchingLabels{"app.kubernetes.io/component": "controller"}); err != nil {
		s.Fatalf("listing the controller's pods: %v", err)
	}
	return list.Items
}

// serves asks a pod itself: its status may be that of the process before.
func (s shop) serves(pod *corev1.Pod) bool {
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+pod.Status.PodIP+":8081/readyz", nil)
	if err != nil {
		s.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// process gives the process of a controller's pod, 0 for none.
func process(pod string) int {
	text, err := os.ReadFile(filepath.Join(os.Getenv("TESTBED_DIR"), "pids", pod))
	if err != nil {
		return 0 // between two processes there is none
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

// signalled sends a signal to the process of a pod, and gives its number.
func (s shop) signalled(pod string, signal syscall.Signal) (pid int) {
	s.Helper()
	s.eventually("a process of pod "+pod, func() (bool, string) { pid = process(pod); return pid != 0, "none" })
	if err := syscall.Kill(pid, signal); err != nil {
		s.Fatalf("%s to process %d of pod %s: %v", signal, pid, pod, err)
	}
	return pid
}

// leader gives the pod that holds the lease.
func (s shop) leader() string {
	s.Helper()
	var lease coordinationv1.Lease
	if err := cluster.Get(s.Context(), client.ObjectKey{Namespace: manifests.Namespace, Name: manifests.Controller}, &lease); err != nil {
		s.Fatalf("reading the lease: %v", err)
	}
	return ptr.Deref(lease.Spec.HolderIdentity, "")
}
