package snapshot_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// ailing is an API server that fails to list one kind, in the way of ails.
type ailing struct {
	client.Reader
	kind  string
	ails  func(context.Context) error
	tries int           // to list it
	ended chan struct{} // one for each that failed; nil: nobody asks
}

func (a *ailing) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if l.GetObjectKind().GroupVersionKind().Kind != a.kind+"List" {
		return a.Reader.List(ctx, l, opts...)
	}
	a.tries++
	if a.ails != nil {
		err := a.ails(ctx)
		if a.ended != nil {
			a.ended <- struct{}{}
		}
		return err
	}
	return a.Reader.List(ctx, l, opts...)
}

var errForbidden = errors.New("forbidden")

// ailments are the ways in which a list fails, and how long each takes at most.
var ailments = map[string]struct {
	ails func(context.Context) error
	most time.Duration
}{
	"forbidden": {func(context.Context) error { return errForbidden }, 0},
	"hangs":     {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 10 * time.Second},
}

// patience is how long who knows something waits to know better.
const patience = 500 * time.Millisecond

// clock is the bubble's, put forward by the test: what waits for nothing to happen
// needs no time to pass.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

// took says how long something takes by the bubble's clock.
func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// without gives the objects but for one.
func without(objects []*unstructured.Unstructured, gone string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(u *unstructured.Unstructured) bool { return u.GetKind()+" "+u.GetName() == gone })
}

// TestKindUnread: a running release goes on by what was known of a kind that can't
// be read, and is told of the others; the kind is tried again from time to time,
// beside those who go on, and each failure is logged.
func TestKindUnread(t *testing.T) {
	for name, ailment := range ailments {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				objects := parse(t, shop+"\n---\n"+others)
				claim(t, objects, release.Status{
					Schema: release.Schema, Task: "task", Phase: release.Routing, Service: release.Ref{Name: "reviews", UID: "uid-reviews"},
					Original: release.Version{Name: "reviews-v1"}, Grayscale: release.Version{UID: "uid-clone"},
				})
				var logged atomic.Int32
				ctx := log.IntoContext(t.Context(), funcr.New(func(string, string) { logged.Add(1) }, funcr.Options{}))
				var clock clock
				server := &ailing{Reader: snapshot.Files(objects), kind: "HTTPRoute", ended: make(chan struct{}, 1)}
				src := snapshot.Source{Reader: snapshot.Files(objects), Live: server, Ways: &snapshot.Ways{Now: clock.now}}
				read := func(when string, after time.Duration, tries, failures int, gone ...string) {
					t.Helper()
					var s plan.Snapshot
					var err error
					if long := took(func() { s, err = src.Read(ctx, reviews, plan.Defaults) }); err != nil || long != after {
						t.Fatalf("%s: %v after %s, want an answer after %s", when, err, long, after)
					}
					want(t, when, what(s.Ways), slices.DeleteFunc(slices.Clone(allWays), func(way string) bool { return slices.Contains(gone, way) })...)
					if len(s.Strangers) != 2 {
						t.Errorf("%s: workloads outside of the cluster: %v", when, s.Strangers)
					}
					synctest.Wait() // for who looks on
					if now := int(logged.Load()); server.tries != tries || now != failures {
						t.Errorf("%s: tried %d times, want %d; %d failures logged, want %d", when, server.tries, tries, now, failures)
					}
				}
				read("well", 0, 1, 0)
				server.ails, server.Reader = ailment.ails, snapshot.Files(without(without(objects, "Ingress front"), "HTTPRoute mirror"))
				fails := func(tries, failures int, gone ...string) { // and nobody waits until it has
					t.Helper()
					if ailment.most > 0 {
						read("while it hangs", patience, tries, failures-1, gone...)
						read("while it still hangs", patience, tries, failures-1, gone...)
						<-server.ended
						synctest.Wait() // until that is known
						read("once it has failed", 0, tries, failures, "Ingress shop/front")
						return
					}
					read("when it fails", 0, tries, failures, "Ingress shop/front")
					<-server.ended
				}
				clock.forward(10 * time.Second)
				fails(2, 1)
				clock.forward(8 * time.Second)
				read("soon after", 0, 2, 1, "Ingress shop/front")
				clock.forward(2 * time.Second)
				fails(3, 2, "Ingress shop/front")
				server.ails = nil
				clock.forward(10 * time.Second)
				read("well again", 0, 4, 2, "Ingress shop/front", "HTTPRoute shop/mirror")
			})
		})
	}
}

// TestKindNeverRead: the others are known all the same, and once the kind can be
// read it is so at the next try, although nothing that was known could have gone.
func TestKindNeverRead(t *testing.T) {
	ingress, _, _ := strings.Cut(others, "\n---\n")
	for beside, all := range map[string][]string{others: allWays, ingress: {"Ingress shop/front"}} {
		synctest.Test(t, func(t *testing.T) {
			objects := parse(t, shop+"\n---\n"+beside)
			claim(t, objects, release.Status{
				Schema: release.Schema, Task: "task", Phase: release.Routing, Service: release.Ref{Name: "reviews", UID: "uid-reviews"},
				Grayscale: release.Version{UID: "uid-clone"},
			})
			var clock clock
			server := &ailing{Reader: snapshot.Files(objects), kind: "Ingress", ails: ailments["forbidden"].ails}
			src := snapshot.Source{Reader: snapshot.Files(objects), Live: server, Ways: &snapshot.Ways{Now: clock.now}}
			look := func(when string, ways ...string) {
				t.Helper()
				s, err := src.Read(t.Context(), reviews, plan.Defaults)
				if err != nil {
					t.Fatal(err)
				}
				want(t, when, what(s.Ways), ways...)
			}
			look("unread", slices.DeleteFunc(slices.Clone(all), func(way string) bool { return strings.HasPrefix(way, "Ingress") })...)
			server.ails = nil
			clock.forward(10 * time.Second)
			look("read", all...)
		})
	}
}

// TestWhoGoesOn: a start waits until all can be read, and so does who has no clone
// yet; a cancel goes on whoever carries it out. The plan is told of autoscalers that
// nobody knows.
func TestWhoGoesOn(t *testing.T) {
	pending := release.Status{Schema: release.Schema, Task: "task", Phase: release.Pending, Clone: "reviews-v2", Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Original: release.Version{Name: "reviews-v1"}}
	seen := pending
	seen.Phase, seen.Grayscale.UID = release.Routing, "uid-clone"
	asks, cancels := map[string]string{intent.KeyRelease: "task"}, map[string]string{intent.KeyRelease: "task", intent.KeyEnd: "cancel"}
	const clone = "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews-v2, namespace: shop, labels: {grayscale.dev/task: task, grayscale.dev/of: reviews-v1}}"
	for name, test := range map[string]struct {
		beside string
		claim  *release.Status
		asks   map[string]string
		keeps  bool // the ways from one snapshot to the next
		goesOn bool // without
	}{
		"a start":                         {"", nil, asks, true, false},
		"without a clone":                 {"", &pending, asks, true, false},
		"with a clone":                    {clone, &pending, asks, true, true},
		"with a clone that was seen":      {"", &seen, asks, true, true},
		"a cancel":                        {clone, &seen, cancels, true, true},
		"a cancel without a clone":        {"", &pending, cancels, true, true},
		"the intent taken away":           {"", &pending, nil, true, true},
		"a cancel by a user":              {clone, &seen, cancels, false, true},
		"a look by a user":                {clone, &seen, asks, false, false},
		"a user's look without the clone": {"", &pending, asks, false, false},
	} {
		for how, ailment := range ailments {
			for kind, unknown := range map[string]string{"ServiceEntry": "", "HorizontalPodAutoscaler": "HorizontalPodAutoscalers", "ScaledObject": "ScaledObjects"} {
				t.Run(name+"/"+kind+" "+how, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						objects := parse(t, shop+test.beside)
						if test.claim != nil {
							claim(t, objects, *test.claim)
						}
						objects[1].SetAnnotations(test.asks)
						src := snapshot.Source{Reader: snapshot.Files(objects), Live: &ailing{Reader: snapshot.Files(objects), kind: kind, ails: ailment.ails}}
						if test.keeps {
							src.Ways = &snapshot.Ways{Now: time.Now}
						}
						most := ailment.most
						if test.goesOn && unknown != "" {
							most = min(most, time.Second)
						}
						var s plan.Snapshot
						var err error
						if long := took(func() { s, err = src.Read(t.Context(), reviews, plan.Defaults) }); long > most {
							t.Errorf("an answer after %s, want it within %s", long, most)
						}
						if err == nil && s.UnknownScalers != unknown {
							t.Errorf("unknown are %q, want %q", s.UnknownScalers, unknown)
						}
						if (err == nil) != test.goesOn || err != nil && !errors.Is(err, errForbidden) && !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("goes on with %v, want it to: %v", err, test.goesOn)
						}
					})
				})
			}
		}
	}
}

// TestWhoWaitsToKnowBetter: who makes no clone unseeing waits although something is
// known, and who goes on all the same does not.
func TestWhoWaitsToKnowBetter(t *testing.T) {
	pending := release.Status{Schema: release.Schema, Task: "task", Phase: release.Pending, Clone: "reviews-v2", Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Original: release.Version{Name: "reviews-v1"}}
	seen := pending
	seen.Grayscale.UID = "uid-clone"
	for name, test := range map[string]struct {
		claim release.Status
		asks  map[string]string
		waits time.Duration
		fails bool
	}{
		"with a clone":    {seen, map[string]string{intent.KeyRelease: "task"}, patience, false},
		"a cancel":        {pending, nil, patience, false},
		"without a clone": {pending, map[string]string{intent.KeyRelease: "task"}, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				objects := parse(t, shop+"\n---\n"+others)
				claim(t, objects, test.claim)
				objects[1].SetAnnotations(test.asks)
				var clock clock
				server := &ailing{Reader: snapshot.Files(objects), kind: "TCPRoute", ended: make(chan struct{}, 1)}
				src := snapshot.Source{Reader: snapshot.Files(objects), Live: server, Ways: &snapshot.Ways{Now: clock.now}}
				if _, err := src.Read(t.Context(), reviews, plan.Defaults); err != nil {
					t.Fatal(err)
				}
				server.ails = ailments["hangs"].ails
				clock.forward(10 * time.Second)
				var s plan.Snapshot
				var err error
				if long := took(func() { s, err = src.Read(t.Context(), reviews, plan.Defaults) }); long != test.waits || (err != nil) != test.fails {
					t.Errorf("%v after %s, want an answer after %s", err, long, test.waits)
				}
				if !test.fails {
					want(t, name, what(s.Ways), allWays...)
				}
				<-server.ended
			})
		})
	}
}

// TestNobodyWaitsForOthers: who looks at what hangs waits as long as his context
// lets him, and all who look at once share one try.
func TestNobodyWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := parse(t, shop)
		claim(t, objects, release.Status{
			Schema: release.Schema, Task: "task", Phase: release.Routing, Service: release.Ref{Name: "reviews", UID: "uid-reviews"},
			Grayscale: release.Version{UID: "uid-clone"},
		})
		server := &ailing{Reader: snapshot.Files(objects), kind: "UDPRoute", ails: ailments["hangs"].ails}
		src := snapshot.Source{Reader: snapshot.Files(objects), Live: server, Ways: &snapshot.Ways{Now: time.Now}}
		type answer struct {
			err  error
			long time.Duration
		}
		answers := make(chan answer)
		patience := []time.Duration{time.Second, 2 * time.Second, 20 * time.Second, 30 * time.Second}
		for _, most := range patience {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), most)
				defer cancel()
				var a answer
				a.long = took(func() { _, a.err = src.Read(ctx, reviews, plan.Defaults) })
				answers <- a
			}()
		}
		for n, most := range patience {
			a := <-answers
			if gone := n < 2; errors.Is(a.err, context.DeadlineExceeded) != gone || !gone && a.err != nil || a.long != min(most, 10*time.Second) {
				t.Errorf("who waits for %s at most: %v after %s", most, a.err, a.long)
			}
		}
		if server.tries != 1 {
			t.Errorf("the kind was listed %d times, want one for all", server.tries)
		}
	})
}
