package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// protected is a budget that lets one pod of reviews go at a time, and an autoscaler
// that does not take back soon what it gave.
var protected = strings.NewReplacer(
	"minAvailable: 1", "maxUnavailable: 1",
	"maxReplicas: 4", "maxReplicas: 4\n  behavior: {scaleDown: {stabilizationWindowSeconds: 300}}",
).Replace(scaledBy)

// inPlacePressed: while a release finishes in place its pods are evicted, as far as the
// user's budget allows, and the user's autoscaler doubles the original. A cancel comes
// too late by then, which is told. Nothing fails, and no old pod answers.
func inPlacePressed(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), stable(""), protected, gateway, frontRoutes, meshRoutes)
	w.rolledOut("reviews")
	tr := w.traffic()
	tr.phase("to all", only("v1", "v2"))
	w.annotate("reviews", "release=first", "image=v2-slow3", "version=v2", "traffic=grayscale") // pods that take their time
	w.untilPhase(release.TakenOver)
	tr.settles("settling", "v1", "v2")
	tr.phase("pressed", only("v2"))
	stop, evicted := w.evicting()
	w.eventually("an eviction", func() (bool, string) { return evicted.Load() > 0, "none" })
	w.annotate("reviews", "end=finish")
	w.untilPhase(release.Finishing)
	w.kubectl("annotate", "pods", "-l", "app=reviews", "testbed/cpu=250m", "--overwrite")
	w.eventually("the original's new template", func() (bool, string) {
		got := release.WorkloadOf(w.get(deployments, "reviews")).Template["version"]
		return got == "v2", got
	})
	w.annotate("reviews", "end=cancel")
	w.told("CancelIgnored", "reviews", "first")
	evictions := stop()
	w.untilEnded("reviews", "first", release.Finished)
	tr.seen(30)
	w.clean()
	if evictions < 2 {
		t.Errorf("%d pods were evicted, want a few", evictions)
	}
	w.eventually("the original as large as the autoscaler made it", func() (bool, string) {
		n := w.replicas("reviews")
		return n == 4, fmt.Sprintf("it has %d replicas", n)
	})
}

func isReady(c corev1.PodCondition) bool {
	return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
}

// evicting evicts every five seconds the ready pods that a budget lets go, until it is
// stopped, which gives how many went.
func (w *world) evicting() (stop func() int64, evicted *atomic.Int64) {
	w.t.Helper()
	evicted = &atomic.Int64{}
	end := every(w, 5*time.Second, func() {
		var list corev1.PodList
		if err := cluster.List(w.ctx, &list, client.InNamespace(w.namespace)); err != nil {
			if w.ctx.Err() == nil {
				w.t.Errorf("listing pods: %v", err)
			}
			return
		}
		for _, pod := range list.Items {
			// One that is not ready yet may always go, and would never become ready.
			if pod.DeletionTimestamp != nil || !slices.ContainsFunc(pod.Status.Conditions, isReady) {
				continue
			}
			switch err := cluster.SubResource("eviction").Create(w.ctx, &pod, &policyv1.Eviction{}); {
			case err == nil:
				evicted.Add(1)
			case !apierrors.IsTooManyRequests(err) && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && w.ctx.Err() == nil:
				w.t.Errorf("evicting pod %s: %v", pod.Name, err)
			}
		}
	})
	return func() int64 {
		end()
		return evicted.Load()
	}, evicted
}
