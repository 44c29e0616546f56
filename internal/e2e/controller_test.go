package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controllerUser is the controller in the API server's eyes.
const controllerUser = "system:serviceaccount:grayscale-system:grayscale-controller"

// controllerPods finds the controller's pods, the leader's first: the one that
// the Lease names, where it is still there.
func (w *world) controllerPods() []corev1.Pod {
	w.t.Helper()
	var lease coordinationv1.Lease
	if err := cluster.Get(w.ctx, client.ObjectKey{Namespace: "grayscale-system", Name: "grayscale-controller"}, &lease); err != nil {
		w.t.Fatalf("reading the controller's Lease: %v", err)
	}
	var list corev1.PodList
	if err := cluster.List(w.ctx, &list, client.InNamespace("grayscale-system"), client.MatchingLabels{"app.kubernetes.io/component": "controller"}); err != nil {
		w.t.Fatalf("listing the controller's pods: %v", err)
	}
	if len(list.Items) == 0 {
		w.t.Fatal("the controller has no pod")
	}
	leads := func(p corev1.Pod) bool {
		return lease.Spec.HolderIdentity != nil && p.Name == *lease.Spec.HolderIdentity
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Pod) int {
		switch {
		case leads(a) == leads(b):
			return 0
		case leads(a):
			return -1
		}
		return 1
	})
	return list.Items
}

// killController ends the leader's process by SIGKILL, and waits until another
// runs in its pod.
func (w *world) killController() {
	w.t.Helper()
	path := filepath.Join(os.Getenv("TESTBED_DIR"), "pids", w.controllerPods()[0].Name)
	pid := func() int {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0 // between two processes there is none
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0
		}
		return n
	}
	victim := 0
	w.eventually("a controller to kill", func() (bool, string) {
		victim = pid()
		return victim > 1, fmt.Sprintf("pid %d in %s", victim, path)
	})
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		w.t.Fatalf("killing the controller, process %d: %v", victim, err)
	}
	w.eventually("another process of the controller", func() (bool, string) {
		now := pid()
		return now > 1 && now != victim, fmt.Sprintf("pid %d, the killed one was %d", now, victim)
	})
}

// controllerServes waits until the API server can call the webhooks, whichever
// pod it calls.
func (w *world) controllerServes() {
	w.t.Helper()
	w.eventually("the controller to be ready", func() (bool, string) {
		for _, pod := range w.controllerPods() {
			status, err := fetch("http://"+pod.Status.PodIP+":8081/readyz", func(string) {})
			if err != nil {
				return false, err.Error()
			}
			if status != http.StatusOK {
				return false, pod.Name + ": " + strconv.Itoa(status)
			}
		}
		return true, ""
	})
}

// passes gives how many passes the controller's pods have made since they began;
// who does not lead makes none.
func (w *world) passes() int {
	w.t.Helper()
	total := 0
	for _, pod := range w.controllerPods() {
		_, err := fetch("http://"+pod.Status.PodIP+":8080/metrics", func(line string) {
			if !strings.HasPrefix(line, `controller_runtime_reconcile_total{controller="release"`) {
				return
			}
			if n, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64); err == nil {
				total += int(n)
			}
		})
		if err != nil {
			w.t.Fatalf("reading the controller's metrics: %v", err)
		}
	}
	return total
}

// fetch reads a page line by line.
func fetch(url string, line func(string)) (status int, err error) {
	res, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line(lines.Text())
	}
	return res.StatusCode, lines.Err()
}
