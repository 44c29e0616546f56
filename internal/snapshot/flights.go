package snapshot

import (
	"context"
	"fmt"
	"sync"
)

// flights share one answer among all who ask the same at once. Nobody gets one
// that began before he asked: who comes while one is under way waits for the
// next. The zero value is ready.
type flights[T any] struct {
	mu    sync.Mutex
	under map[string]bool       // what is under way
	next  map[string]*flight[T] // what begins after it
}

type flight[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// join waits for an answer to what. It is found apart from any one asker, whose
// context only ends his waiting.
func (f *flights[T]) join(ctx context.Context, what string, find func(context.Context) (T, error)) (none T, err error) {
	mine := f.board(ctx, what, find)
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		return none, fmt.Errorf("waiting for an answer: %w", ctx.Err())
	}
}

func (f *flights[T]) board(ctx context.Context, what string, find func(context.Context) (T, error)) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.under == nil {
		f.under, f.next = map[string]bool{}, map[string]*flight[T]{}
	}
	if f.next[what] != nil {
		return f.next[what]
	}
	mine := &flight[T]{done: make(chan struct{})}
	if f.under[what] {
		f.next[what] = mine
		return mine
	}
	f.under[what] = true
	go f.fly(context.WithoutCancel(ctx), what, mine, find)
	return mine
}

// fly makes one flight after another as long as somebody waits for the next.
func (f *flights[T]) fly(ctx context.Context, what string, current *flight[T], find func(context.Context) (T, error)) {
	for current != nil {
		current.value, current.err = find(ctx)
		close(current.done)
		f.mu.Lock()
		if current = f.next[what]; current == nil {
			delete(f.under, what)
		}
		delete(f.next, what)
		f.mu.Unlock()
	}
}
