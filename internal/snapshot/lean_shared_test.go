package snapshot_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// silent is an API server that answers a list when the test says so, and counts them.
type silent struct {
	client.Reader
	lists  atomic.Int32
	answer chan struct{}
	ended  chan struct{} // one for each list that nobody answered
}

// List implements client.Reader.
func (s *silent) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	s.lists.Add(1)
	select {
	case <-s.answer:
		return nil
	case <-ctx.Done():
		s.ended <- struct{}{}
		return ctx.Err()
	}
}

// TestLeanIsShared: of many who ask for the same list, the first has one of his own,
// and all who come meanwhile have the next one together.
func TestLeanIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &silent{answer: make(chan struct{})}
		lean := snapshot.NewLean(api)
		answered := make(chan error, 3)
		for range cap(answered) {
			go func() { answered <- lean.List(t.Context(), listOf(snapshot.Services), client.InNamespace("shop")) }()
			synctest.Wait()
		}
		close(api.answer)
		for range cap(answered) {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
		if n := api.lists.Load(); n != 2 {
			t.Errorf("%d lists were read for %d who asked, want 2", n, cap(answered))
		}
	})
}

// TestLeanEndsWhatNobodyWaitsFor: a list whose askers have given up leaves its place to
// others in a bounded time.
func TestLeanEndsWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &silent{answer: make(chan struct{}), ended: make(chan struct{}, 1)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := snapshot.NewLean(api).List(ctx, listOf(snapshot.Services)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		select {
		case <-api.ended:
		case <-time.After(time.Minute): // by the bubble's own clock
			t.Error("the list is being read still, after a minute")
			close(api.answer) // else it would hang the test
		}
	})
}

// unreadable is an API server that gives no object.
type unreadable struct{ client.Reader }

var errUnread = errors.New("the API server is gone")

// Get implements client.Reader.
func (unreadable) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errUnread
}

// TestNoCancelIsTakenBackUnread: where the original can't be read live, there is no
// snapshot, for the cache may not know of the cancel.
func TestNoCancelIsTakenBackUnread(t *testing.T) {
	cached := parse(t, shop)
	cached[1].SetAnnotations(map[string]string{intent.KeyRelease: "task"})
	claim(t, cached, release.Status{
		Schema: release.Schema, Task: "task", Phase: release.Cancelling,
		Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Original: release.Version{Name: "reviews-v1"},
	})
	src := snapshot.Source{Reader: snapshot.Files(cached), Live: unreadable{snapshot.Files(cached)}}
	_, err := src.Read(t.Context(), types.NamespacedName{Namespace: "shop", Name: "reviews"}, plan.Defaults)
	if !errors.Is(err, errUnread) {
		t.Errorf("got %v, want that the original can't be read", err)
	}
}
