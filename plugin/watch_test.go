package plugin

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ending is a cluster whose first watch ends at once, as an API server's does
// after some minutes.
type ending struct {
	client.WithWatch
	watches atomic.Int32
}

func (e *ending) Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	if e.watches.Add(1) == 1 {
		w := watch.NewFake()
		w.Stop()
		return w, nil
	}
	return e.WithWatch.Watch(ctx, list, options...)
}

func TestWatchGoesOn(t *testing.T) {
	cluster := &ending{WithWatch: newWorld(t).WithWatch}
	e := NewEnv("", quiet)
	e.Connect = func() (client.WithWatch, error) { return cluster, nil }
	changes, stop, err := e.watch(t.Context(), watched{"v1", "Service", "shop", nil})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for cluster.watches.Load() < 2 { // each turn of the watch tells of a change
		if err := next(t.Context(), changes); err != nil {
			t.Fatalf("the watch did not begin anew: %v", err)
		}
	}
	if err := cluster.Create(t.Context(), reviews.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := next(t.Context(), changes); err != nil {
		t.Errorf("a change after the watch began anew was not told: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := next(ctx, make(chan struct{})); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context gives %v", err)
	}
}

func TestNoCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "/dev/null")
	e := NewEnv("kubectl grayscale", quiet)
	if code := Run(t.Context(), e, []string{"list"}); code != exitFailed {
		t.Errorf("exit status %d", code)
	}
	if _, err := e.Client(); err == nil {
		t.Error("a cluster out of nothing")
	}
}
