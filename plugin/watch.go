package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// stallAfter is how long nothing may change until the reason is looked for.
	stallAfter = 5 * time.Second
	// restBetween two looks keeps a busy namespace from costing a look an event.
	restBetween = 100 * time.Millisecond
)

// errStalled says that nothing changed for a while.
var errStalled = errors.New("nothing changes")

// watched are objects of a kind in a namespace (empty: in all).
type watched struct {
	apiVersion, kind, namespace string
	options                     []client.ListOption
}

// watch tells of every change of the objects, several at once as one. What
// changed is not told: whoever listens looks anew, and so misses nothing.
func (e *Env) watch(ctx context.Context, kinds ...watched) (changes <-chan struct{}, stop func(), err error) {
	c, err := e.Client()
	if err != nil {
		return nil, nil, err
	}
	ctx, stop = context.WithCancel(ctx)
	out := make(chan struct{}, 1)
	for _, kind := range kinds {
		// The first one here, so that a missing right is an error and no silence.
		w, err := kind.open(ctx, c)
		if err != nil {
			stop()
			return nil, nil, err
		}
		go kind.follow(ctx, c, w, out)
	}
	return out, stop, nil
}

// open begins to watch at the present state.
func (k watched) open(ctx context.Context, c client.WithWatch) (watch.Interface, error) {
	options := append([]client.ListOption{client.InNamespace(k.namespace)}, k.options...)
	var all unstructured.UnstructuredList
	all.SetAPIVersion(k.apiVersion)
	all.SetKind(k.kind + "List")
	if err := c.List(ctx, &all, append(options, client.Limit(1))...); err != nil {
		return nil, fmt.Errorf("listing %ss: %w", k.kind, err)
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: all.GetResourceVersion()}}
	w, err := c.Watch(ctx, &all, append([]client.ListOption{from}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("watching %ss: %w", k.kind, err)
	}
	return w, nil
}

// follow watches until the context ends, anew whenever the API server ends a watch.
func (k watched) follow(ctx context.Context, c client.WithWatch, w watch.Interface, out chan<- struct{}) {
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Steps: 8, Cap: 10 * time.Second}
	for {
		for open := w != nil; open; {
			select {
			case <-ctx.Done():
				w.Stop()
				return
			case event, ok := <-w.ResultChan():
				open = ok && event.Type != watch.Error
				mark(out)
			}
		}
		if w != nil {
			w.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff.Step()):
		}
		// An error here is met with another try: the API server may be away
		// for a moment, and whoever waits has a time limit.
		w, _ = k.open(ctx, c)
		mark(out) // what changed meanwhile, no watch has told
	}
}

// mark leaves a mark that something changed, if there is none yet.
func mark(out chan<- struct{}) {
	select {
	case out <- struct{}{}:
	default:
	}
}

// next waits for a change; errStalled where there is none for a while.
func next(ctx context.Context, changes <-chan struct{}) error {
	select {
	case <-changes:
	case <-time.After(stallAfter):
		return errStalled
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(restBetween):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outOfTime says whether an error comes of a deadline that has passed, or that
// would have passed before the answer. Some errors hold a context's as text only.
func outOfTime(err error) bool {
	return err != nil && (errors.Is(err, context.DeadlineExceeded) || neverBegun(err) ||
		strings.Contains(err.Error(), context.DeadlineExceeded.Error()))
}

// neverBegun says whether client-go did not even begin a request, for its rate
// limit puts that behind the deadline. The error has no type.
// https://pkg.go.dev/golang.org/x/time/rate#Limiter.WaitN
func neverBegun(err error) bool {
	return err != nil && strings.Contains(err.Error(), "would exceed context deadline")
}

// gaveUp is the error of having waited in vain: by the time limit, or because
// the user interrupted it. Any other stays what it is.
func (e *Env) gaveUp(err error, why string) error {
	if outOfTime(err) {
		return coded{exitTimeout, fmt.Errorf("timed out: %s", why)}
	}
	if errors.Is(err, context.Canceled) {
		return coded{exitInterrupt, fmt.Errorf("interrupted: %s", why)}
	}
	return err
}
