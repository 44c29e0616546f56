package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controllerUser is the controller in the API server's eyes.
const controllerUser = "system:serviceaccount:grayscale-system:grayscale-controller"

// controllerPod finds the one pod of the controller.
func (w *world) controllerPod() *corev1.Pod {
	w.t.Helper()
	var list corev1.PodList
	if err := cluster.List(w.ctx, &list, client.InNamespace("grayscale-system"), client.MatchingLabels{"app.kubernetes.io/component": "controller"}); err != nil {
		w.t.Fatalf("listing the controller's pods: %v", err)
	}
	if len(list.Items) != 1 {
		w.t.Fatalf("the controller has %d pods, want 1", len(list.Items))
	}
	return &list.Items[0]
}

// killController ends the controller's process by SIGKILL, and waits until
// another runs in its pod.
func (w *world) killController() {
	w.t.Helper()
	path := filepath.Join(os.Getenv("TESTBED_DIR"), "pids", w.controllerPod().Name)
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

// controllerServes waits until the API server can call the webhooks.
func (w *world) controllerServes() {
	w.t.Helper()
	url := "http://" + w.controllerPod().Status.PodIP + ":8081/readyz"
	w.eventually("the controller to be ready", func() (bool, string) {
		status, err := fetch(url, func(string) {})
		if err != nil {
			return false, err.Error()
		}
		return status == http.StatusOK, strconv.Itoa(status)
	})
}

// passes gives how many passes the controller has made since it began.
func (w *world) passes() int {
	w.t.Helper()
	total := 0
	_, err := fetch("http://"+w.controllerPod().Status.PodIP+":8080/metrics", func(line string) {
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
