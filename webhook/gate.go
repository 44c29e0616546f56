package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// How many writes are judged at once, how long one waits for its turn, and how long
// it takes in all: less than the 2 s that the API server waits for us, so that the
// answer can say so.
const (
	mostAtOnce = 8 // of all users together
	mostOfOne  = 4
	turnTime   = 500 * time.Millisecond
	judgeTime  = 1700 * time.Millisecond
)

// errLate is why the reads of a judgement end.
var errLate = fmt.Errorf("reading the cluster took longer than %s", judgeTime)

// timely ends what reads with ctx after judgeTime. It sets no deadline: a client that
// waits for its rate limit would give up at once where it can't be kept.
func timely(ctx context.Context) (bounded context.Context, end func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(judgeTime, func() { cancel(errLate) })
	return bounded, func() {
		timer.Stop()
		cancel(nil)
	}
}

// late says that a judgement took too long, and what was read then, where the reader
// says so; nil where it was in time.
func late(ctx context.Context, reading error) error {
	switch {
	case !errors.Is(context.Cause(ctx), errLate):
		return nil
	case reading == nil:
		return errLate
	}
	return fmt.Errorf("%w: %w", errLate, reading)
}

// gate bounds how many writes are judged at once, of all users and of each: the
// flood of one waits for itself. The zero value is ready.
type gate struct {
	mu  sync.Mutex
	all chan struct{}
	of  map[string]*queue
}

type queue struct {
	turns chan struct{}
	in    int // who waits, and who is being judged
}

// enter waits for the user's turn, until ctx or turnTime ends. Who was let in
// leaves.
func (g *gate) enter(ctx context.Context, user string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	who := account(user)
	all, mine := g.queue(who)
	select {
	case mine.turns <- struct{}{}:
	case <-ctx.Done():
		g.drop(who)
		return nil, fmt.Errorf("%d other writes of %s are being judged: wait for their answers", mostOfOne, who)
	}
	select {
	case all <- struct{}{}:
	case <-ctx.Done():
		<-mine.turns
		g.drop(who)
		return nil, fmt.Errorf("%d other writes are being judged", mostAtOnce)
	}
	return func() {
		<-all
		<-mine.turns
		g.drop(who)
	}, nil
}

func (g *gate) queue(who string) (all chan struct{}, mine *queue) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.all, g.of = make(chan struct{}, mostAtOnce), map[string]*queue{}
	}
	if g.of[who] == nil {
		g.of[who] = &queue{turns: make(chan struct{}, mostOfOne)}
	}
	g.of[who].in++
	return g.all, g.of[who]
}

func (g *gate) drop(who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of[who].in--; g.of[who].in == 0 {
		delete(g.of, who)
	}
}

// account takes the ServiceAccounts of a namespace, which whoever may write there
// makes as many of as he likes, for one user.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens
func account(user string) string {
	const prefix = "system:serviceaccount:"
	if namespace, _, ok := strings.Cut(strings.TrimPrefix(user, prefix), ":"); ok && strings.HasPrefix(user, prefix) {
		return "the ServiceAccounts of namespace " + namespace
	}
	return fmt.Sprintf("user %q", user)
}

// busy has the client ask again, as those made with client-go do by themselves.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#retry-after
func busy(subject string, err error) admission.Response {
	r := admission.Errored(http.StatusTooManyRequests, fmt.Errorf("%s is not judged now: %w; try again", clean(subject), err))
	r.Result.Reason = metav1.StatusReasonTooManyRequests
	r.Result.Details = &metav1.StatusDetails{RetryAfterSeconds: 1}
	return r
}
