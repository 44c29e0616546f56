package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

const (
	unheld = "apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: shop, uid: uid-reviews}\nspec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}"
	asked  = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: reviews-v1
  namespace: shop
  uid: uid-reviews-v1
  annotations: {grayscale.dev/release: reviews-v2, grayscale.dev/image: "2.0", grayscale.dev/version: v2, grayscale.dev/finish: replace}
spec:
  replicas: 1
  selector: {matchLabels: {app: reviews, version: v1}}
  template: {metadata: {labels: {app: reviews, version: v1}}, spec: {containers: [{name: reviews, image: "reviews:1.0"}]}}
`
)

// server is an API server in memory that counts the updates.
func server(objects ...*unstructured.Unstructured) (c client.Client, updates *int) {
	updates = new(int)
	builder := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			*updates++
			return c.Update(ctx, o, opts...)
		},
	})
	for _, o := range objects {
		builder.WithObjects(o.DeepCopy())
	}
	return builder.Build(), updates
}

func itself(s *unstructured.Unstructured) []*unstructured.Unstructured {
	return []*unstructured.Unstructured{s}
}

func nobody(*unstructured.Unstructured) []*unstructured.Unstructured { return nil }

// TestNothingIsTakenAwayByAStaleCache: what a release seems to have left, for nobody
// holds the Service as far as the caches know, is touched only where the API server has
// the same Service.
func TestNothingIsTakenAwayByAStaleCache(t *testing.T) {
	service, rule := parse(t, unheld), parse(t, strings.Replace(namesake, "details", "reviews", 1))
	rule.SetLabels(map[string]string{intent.LabelNamespace: "shop", intent.LabelService: "reviews"})
	for _, c := range []struct {
		name    string
		unseen  bool // the cache has the rule alone
		live    func(service *unstructured.Unstructured) []*unstructured.Unstructured
		updates int
	}{
		{"claimed meanwhile", false, func(s *unstructured.Unstructured) []*unstructured.Unstructured {
			s.SetResourceVersion("1000")
			return []*unstructured.Unstructured{s}
		}, 0},
		{"deleted meanwhile", false, nobody, 0},
		{"made meanwhile", true, itself, 0},
		{"as in the cache", false, itself, 1},
		{"gone, as in the cache", true, nobody, 1},
	} {
		api, updates := server(service, rule)
		cached := read(t, api, service, rule)
		live := c.live(cached[0].DeepCopy())
		if c.unseen {
			cached = cached[1:]
		}
		r := &Reconciler{
			Client: api, Source: snapshot.Source{Reader: snapshot.Files(cached), Live: snapshot.Files(live)},
			Recorder: events.NewFakeRecorder(100), Settings: plan.Defaults, Now: time.Now,
		}
		result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "reviews"}})
		if err != nil || *updates != c.updates || result.RequeueAfter == 0 {
			t.Errorf("%s: %d updates, %+v, %v; want %d, and to look again", c.name, *updates, result, err, c.updates)
		}
	}
}

// hung is a cache whose watch of one object hangs: it shows it as it was.
type hung struct {
	client.Client
	was *unstructured.Unstructured
}

func (h hung) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if u := o.(*unstructured.Unstructured); u.GetKind() == h.was.GetKind() && key == client.ObjectKeyFromObject(h.was) {
		h.was.DeepCopyInto(u)
		return nil
	}
	return h.Client.Get(ctx, key, o, opts...)
}

func (h hung) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if u := list.(*unstructured.UnstructuredList); u.GetKind() == h.was.GetKind()+"List" {
		u.Items = []unstructured.Unstructured{*h.was.DeepCopy()}
		return nil
	}
	return h.Client.List(ctx, list, opts...)
}

// unlisted is an API server that lists no VirtualServices.
type unlisted struct{ client.Client }

func (u unlisted) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if list.GetObjectKind().GroupVersionKind().Kind == snapshot.VirtualServices.Kind+"List" {
		return context.DeadlineExceeded
	}
	return u.Client.List(ctx, list, opts...)
}

// TestNothingGoesThatALiveRouteNeeds: a cancel takes rules away when the routes have
// gone from the API server, whatever the cache has shown for how long; where that can't
// tell, by the cache, for a cancel must end.
func TestNothingGoesThatALiveRouteNeeds(t *testing.T) {
	const plain = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews, namespace: shop}\nspec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}"
	for name, during := range map[string]func(api client.Client, before *unstructured.Unstructured) snapshot.Source{
		"the cache's watch hangs": func(api client.Client, before *unstructured.Unstructured) snapshot.Source {
			return snapshot.Source{Reader: hung{api, before}, Live: api}
		},
		"the routes can't be listed": func(api client.Client, _ *unstructured.Unstructured) snapshot.Source {
			return snapshot.Source{Reader: api, Live: unlisted{api}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			api, _ := server(parse(t, unheld), parse(t, asked), parse(t, plain))
			before := read(t, api, parse(t, plain))[0]
			now := time.Now()
			r := &Reconciler{
				Client: api, Source: snapshot.Source{Reader: api, Live: api}, Recorder: events.NewFakeRecorder(100), Settings: plan.Defaults,
				Now: func() time.Time { now = now.Add(time.Minute); return now },
			}
			pass := func() (s plan.Snapshot, routed bool) {
				key := types.NamespacedName{Namespace: "shop", Name: "reviews"}
				if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
					t.Fatal(err)
				}
				s, err := snapshot.Read(t.Context(), api, key, plan.Defaults)
				if err != nil {
					t.Fatal(err)
				}
				if routed = route.HasOurs(s.VirtualServices[0]); routed && len(s.DestinationRules) == 0 {
					t.Fatal("the rule is gone, and the route needs it")
				}
				return s, routed
			}
			until := func(what string, done func(s plan.Snapshot, routed bool) bool) {
				for n := 0; !done(pass()); n++ {
					if n == 40 {
						t.Fatalf("%s: not seen", what)
					}
				}
			}
			until("our routes, and no clone yet", func(_ plan.Snapshot, routed bool) bool { return routed })
			patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"grayscale.dev/end":"cancel"}}}`))
			if err := api.Patch(t.Context(), parse(t, asked), patch); err != nil {
				t.Fatal(err)
			}
			r.Source = during(api, before)
			for range 20 {
				pass()
			}
			r.Source.Reader = api // it hangs no more
			until("the end", func(s plan.Snapshot, routed bool) bool {
				return !routed && len(s.DestinationRules) == 0 && s.Service.GetAnnotations()[intent.AnnotationStatus] == ""
			})
		})
	}
}

// read gives objects as the API server has them.
func read(t *testing.T, c client.Client, objects ...*unstructured.Unstructured) (out []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		u := snapshot.Object(o.GroupVersionKind())
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), u); err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

// TestCachesShowWhatWasWritten before the next plan is made, for as long as that may
// take: what is new is there, and what was replaced is there no more.
func TestCachesShowWhatWasWritten(t *testing.T) {
	now := time.Unix(0, 0)
	service, deployment := parse(t, unheld), parse(t, asked)
	version := func(u *unstructured.Unstructured, v string) *unstructured.Unstructured {
		out := u.DeepCopy()
		out.SetResourceVersion(v)
		return out
	}
	status := "{}"
	made := plan.Plan{Changes: []plan.Change{{Action: plan.Create, Object: deployment}}}
	changed := plan.Plan{Changes: []plan.Change{{Action: plan.Scale, Before: version(deployment, "1"), Object: version(deployment, "1")}}}
	told := plan.Plan{Annotations: map[string]*string{"status": &status}}
	for name, c := range map[string]struct {
		wrote  plan.Plan
		cached *unstructured.Unstructured
		later  time.Duration
		behind bool
	}{
		"made, not there yet":     {wrote: made, cached: service, behind: true},
		"made, and there":         {wrote: made, cached: version(deployment, "2")},
		"made, and never there":   {wrote: made, cached: service, later: patience},
		"changed, as before":      {wrote: changed, cached: version(deployment, "1"), behind: true},
		"changed, and seen":       {wrote: changed, cached: version(deployment, "2")},
		"changed, and gone":       {wrote: changed, cached: service},
		"changed, without effect": {wrote: changed, cached: version(deployment, "1"), later: patience},
		"status, as before":       {wrote: told, cached: version(service, "1"), behind: true},
		"status, seen":            {wrote: told, cached: version(service, "2")},
		"nothing":                 {cached: version(service, "1")},
	} {
		var w writes
		w.note(c.wrote, version(service, "1"), now)
		cache := snapshot.Files([]*unstructured.Unstructured{c.cached})
		for range 2 { // it is the same as long as the caches are
			if got := w.behind(t.Context(), cache, now.Add(c.later)); got != c.behind {
				t.Errorf("%s: behind is %v, want %v", name, got, c.behind)
			}
		}
		r := &Reconciler{writes: writes{pending: w.pending}, Now: func() time.Time { return now.Add(c.later) }, Source: snapshot.Source{Reader: failing{cache}}}
		result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(service)})
		if waits := err == nil && result.RequeueAfter == cacheLag; waits != c.behind {
			t.Errorf("%s: a pass gives %+v, %v", name, result, err)
		}
	}
}

// failing lists nothing: a pass that reads a snapshot ends with an error.
type failing struct{ client.Reader }

// List implements client.Reader.
func (failing) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return context.Canceled
}

// TestAPassHasAnEnd: one that the API server leaves hanging.
func TestAPassHasAnEnd(t *testing.T) {
	deadlines := &hanging{}
	r := &Reconciler{Source: snapshot.Source{Reader: deadlines}, Now: time.Now}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("got %v", err)
	}
	if deadlines.left <= 0 || deadlines.left > passLimit {
		t.Errorf("a read may take %s, want %s at most", deadlines.left, passLimit)
	}
}

// hanging tells how long a read may take, and ends as one that has taken longer.
type hanging struct {
	client.Reader
	left time.Duration
}

// Get implements client.Reader.
func (h *hanging) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	if until, ok := ctx.Deadline(); ok {
		h.left = time.Until(until)
	}
	return context.DeadlineExceeded
}
