package races

import (
	"context"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// witness watches the namespace's clones and the Service's claim by both API
// servers: it sees every state that was ever stored.
type witness struct {
	sync.Mutex
	views []*view
	wrong []string
}

// view is what one API server has shown.
type view struct {
	server int
	clones map[types.UID]string // that stand
	seen   map[types.UID]string // that ever stood
	claim  string               // who holds the Service
	claims []string             // who ever did
	phase  release.Phase        // how far that one is
}

// witnessed starts to watch; from the first write of the shop's on, if that is
// not made yet.
func witnessed(s shop) *witness {
	s.Helper()
	w := &witness{}
	for n, server := range watchers {
		v := &view{server: n + 1, clones: map[types.UID]string{}, seen: map[types.UID]string{}}
		w.views = append(w.views, v)
		w.follow(s, server, &appsv1.DeploymentList{}, func(kind watch.EventType, o any) { w.clone(v, kind, o.(*appsv1.Deployment)) }, client.HasLabels{intent.LabelTask})
		w.follow(s, server, &corev1.ServiceList{}, func(kind watch.EventType, o any) { w.service(v, kind, o.(*corev1.Service)) })
	}
	return w
}

// follow watches a kind, from a moment at which there was nothing to see.
func (w *witness) follow(s shop, server client.WithWatch, list client.ObjectList, tell func(watch.EventType, any), options ...client.ListOption) {
	s.Helper()
	options = append(options, client.InNamespace(s.namespace))
	if err := server.List(s.Context(), list, options...); err != nil {
		s.Fatalf("listing what is to be watched: %v", err)
	}
	ctx, stop := context.WithCancel(s.Context())
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	events, err := server.Watch(ctx, list, append(options, from)...)
	if err != nil {
		stop()
		s.Fatalf("watching: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range events.ResultChan() {
			if e.Type == watch.Error {
				w.say("the watch was told: %v", e.Object)
				return
			}
			tell(e.Type, e.Object)
		}
		if ctx.Err() == nil {
			w.say("a watch ended before the race did")
		}
	}()
	s.Cleanup(func() { stop(); <-ended })
}

func (w *witness) say(format string, args ...any) {
	w.Lock()
	defer w.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// clone takes note of a change of a Deployment that says it is a clone.
func (w *witness) clone(v *view, kind watch.EventType, d *appsv1.Deployment) {
	w.Lock()
	defer w.Unlock()
	if kind == watch.Deleted {
		delete(v.clones, d.UID)
		return
	}
	v.clones[d.UID], v.seen[d.UID] = d.Name, d.Name
	if len(v.clones) > 1 {
		w.wrong = append(w.wrong, fmt.Sprintf("API server %d shows %d clones at once: %v", v.server, len(v.clones), v.clones))
	}
}

// service takes note of who holds the Service: nobody may take it from another.
func (w *witness) service(v *view, _ watch.EventType, s *corev1.Service) {
	w.Lock()
	defer w.Unlock()
	claim, err := release.Claim(s.Annotations, s.UID)
	now := ""
	switch {
	case err != nil:
		w.wrong = append(w.wrong, fmt.Sprintf("API server %d shows a claim that can't be read: %v", v.server, err))
		return
	case claim != nil && !claim.Phase.Ended():
		now = claim.Task
	}
	if now == v.claim && now != "" && way[claim.Phase] < way[v.phase] {
		w.wrong = append(w.wrong, fmt.Sprintf("API server %d shows how release %s went from %s back to %s", v.server, now, v.phase, claim.Phase))
	}
	if now != "" {
		v.phase = claim.Phase
	}
	if now != v.claim && now != "" {
		v.claims = append(v.claims, now)
		if v.claim != "" {
			w.wrong = append(w.wrong, fmt.Sprintf("API server %d shows how release %s took the Service from %s", v.server, now, v.claim))
		}
	}
	v.claim = now
}

// way is how a release goes that nobody disturbs: its phases in their order. A
// status written by somebody whose view is old would take it back.
var way = map[release.Phase]int{release.Pending: 1, release.Starting: 2, release.Ready: 3, release.Cancelling: 4}

// holder gives the release that both API servers show to hold the Service.
func (w *witness) holder() string {
	w.Lock()
	defer w.Unlock()
	for _, v := range w.views {
		if v.claim != w.views[0].claim {
			return ""
		}
	}
	return w.views[0].claim
}

// states gives each API server's view in words.
func (w *witness) states(say func(v *view) string) (all []string) {
	w.Lock()
	defer w.Unlock()
	for _, v := range w.views {
		all = append(all, say(v))
	}
	return all
}

// complaints are what should not have been seen.
func (w *witness) complaints() []string {
	w.Lock()
	defer w.Unlock()
	return append([]string(nil), w.wrong...)
}
