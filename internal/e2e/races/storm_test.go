package races

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

const (
	intents  = 1000
	inFlight = 50
	// latecomers are originals that ask when somebody has the Service; so do those
	// of the last intents.
	latecomers = 20
	last       = intents / 5
	// pause is what somebody waits who asks again.
	pause = 200 * time.Millisecond
)

// storm is everybody who asks for the Service.
type storm struct {
	shop
	witness *witness
	// free are the originals that carry no intent: one client at a time asks for
	// each, and none any more when it was admitted, for another name would be
	// another release. late are those that ask only when somebody has the Service.
	free, late chan original

	sync.Mutex
	tally   map[answer]int
	retries map[string]int    // why intents were asked again
	holders map[string]int    // releases that refusals named
	asked   map[string]string // tasks that were admitted, by Deployment
}

func newStorm(s shop, w *witness) *storm {
	all := originals()
	st := &storm{shop: s, witness: w, free: make(chan original, len(all)), late: make(chan original, latecomers), tally: map[answer]int{}, retries: map[string]int{}, holders: map[string]int{}, asked: map[string]string{}}
	for n, o := range all {
		if n < latecomers {
			st.late <- o
		} else {
			st.free <- o
		}
	}
	return st
}

// rages sends all intents and returns when each has its answer.
func (st *storm) rages() error {
	all, ctx := errgroup.WithContext(st.Context())
	all.SetLimit(inFlight)
	for n := range intents {
		if n == intents-last {
			if err := st.held(ctx); err != nil {
				return errors.Join(err, all.Wait())
			}
		}
		all.Go(func() error { return st.one(ctx, n) })
	}
	return all.Wait()
}

// held waits until somebody has the Service, or an intent has failed.
func (st *storm) held(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, pause, soon, true, func(context.Context) (bool, error) { return st.witness.holder() != "", nil })
	if err != nil {
		return fmt.Errorf("waiting for somebody to have the Service: %w", err)
	}
	return nil
}

// one is an intent: half of them are of originals, as long as there are some
// that carry none, the others of forged clones.
func (st *storm) one(ctx context.Context, n int) error {
	task := fmt.Sprintf("task-%d", n)
	if o, ok := st.anOriginal(n); ok {
		got, err := st.ask(ctx, n, func(c client.Client) error { return st.start(ctx, c, o, task) })
		if err == nil && got != admitted && !o.exists {
			// A create that was done, its answer lost, is refused the second time.
			got, err = st.stored(ctx, o, task, got)
		}
		if err != nil {
			return err
		}
		st.count(got, o, task)
		return nil
	}
	got, err := st.ask(ctx, n, func(c client.Client) error { return st.forge(ctx, c, n, task) })
	if err != nil {
		return err
	}
	if got == admitted || got == held {
		return fmt.Errorf("forged clone %s: %s", task, got)
	}
	st.count(got, original{}, task)
	return nil
}

// anOriginal gives the one that an intent asks for, if there is one for it.
func (st *storm) anOriginal(n int) (o original, ok bool) {
	if n%2 != 0 {
		return o, false
	}
	select {
	case o = <-st.free:
		return o, true
	default:
	}
	if st.witness.holder() == "" {
		return o, false
	}
	select {
	case o = <-st.late:
		return o, true
	default:
		return o, false
	}
}

// count notes an answer, and lets others ask for an original that carries no
// intent.
func (st *storm) count(got answer, o original, task string) {
	st.Lock()
	defer st.Unlock()
	st.tally[got]++
	switch {
	case o.name == "":
	case got == admitted:
		st.asked[o.name] = task
	default:
		st.free <- o
	}
}

// start asks for a release of an original.
func (st *storm) start(ctx context.Context, c client.Client, o original, task string) error {
	wanted := map[string]string{intent.KeyRelease: task, intent.KeyImage: "next-" + o.version}
	if o.exists {
		return st.annotated(ctx, c, o.name, wanted)
	}
	d := st.deployment(o.name, o.version)
	d.Annotations = wanted
	return c.Create(ctx, d)
}

// forge makes a Deployment that says it is a clone, or has one that stands say so.
func (st *storm) forge(ctx context.Context, c client.Client, n int, task string) error {
	labels := map[string]string{intent.LabelTask: task, intent.LabelOf: "reviews-v0"}
	if claim := st.witness.holder(); claim != "" && n%3 == 0 {
		labels[intent.LabelTask] = claim // a second clone of the very release
	}
	if n%5 == 0 {
		return st.patched(ctx, c, fmt.Sprintf("reviews-v%d", n%standing), map[string]any{"labels": labels})
	}
	d := st.deployment(fmt.Sprintf("reviews-forged-%d", n), fmt.Sprintf("forged-%d", n))
	d.Labels = labels
	return c.Create(ctx, d)
}

// ask asks one API server, then the other, until there is an answer.
func (st *storm) ask(ctx context.Context, n int, send func(client.Client) error) (answer, error) {
	until := time.Now().Add(soon)
	for attempt := 0; ; attempt++ {
		known := st.witness.holder()
		err := send(askers[(n+attempt)%len(askers)])
		got, what := classified(err)
		if got == unclear && attempt > 0 && apierrors.IsAlreadyExists(err) {
			got = admitted // by an attempt whose answer was lost
		}
		switch got {
		case unclear:
			return got, fmt.Errorf("intent %d, attempt %d, got an answer that is none: %w", n, attempt, err)
		case forged:
			if known != "" {
				return got, fmt.Errorf("intent %d was refused without naming release %s, which held the Service: %w", n, known, err)
			}
		case held, heldToo:
			st.Lock()
			st.holders[holder.FindStringSubmatch(err.Error())[1]]++
			st.Unlock()
		case again:
			st.Lock()
			st.tally[again]++
			st.retries[what]++
			st.Unlock()
			select {
			case <-ctx.Done():
				return got, ctx.Err()
			case <-time.After(pause):
			}
			if time.Now().After(until) {
				return got, fmt.Errorf("intent %d has no answer after %s: %w", n, soon, err)
			}
			continue
		}
		return got, nil
	}
}

// stored is admitted where the Deployment is there with that intent, else as it
// was answered.
func (st *storm) stored(ctx context.Context, o original, task string, answered answer) (answer, error) {
	var d appsv1.Deployment
	err := cluster.Get(ctx, client.ObjectKey{Namespace: st.namespace, Name: o.name}, &d)
	switch {
	case apierrors.IsNotFound(err):
		return answered, nil
	case err != nil:
		return answered, err
	case d.Annotations[intent.KeyRelease] != task:
		return answered, fmt.Errorf("Deployment %s has intent %q, want %q", o.name, d.Annotations[intent.KeyRelease], task)
	}
	return admitted, nil
}

// answered is how many answers there are so far.
func (st *storm) answered() (n int) {
	st.Lock()
	defer st.Unlock()
	for a, count := range st.tally {
		if a != again {
			n += count
		}
	}
	return n
}
