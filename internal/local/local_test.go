package local_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	istio "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/local"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

const app = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, uid: s-1}
spec: {type: ClusterIP, clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: reviews-v1
  namespace: shop
  uid: d-1
  annotations: {grayscale.dev/release: reviews-v2, grayscale.dev/image: v2, grayscale.dev/weight: "10"}
spec:
  replicas: 1
  selector: {matchLabels: {app: reviews, version: v1}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec: {containers: [{name: reviews, image: "reviews:v1"}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop, uid: vs-1}
spec: {hosts: [reviews], http: [{name: all, route: [{destination: {host: reviews}}]}]}
`

var key = types.NamespacedName{Namespace: "shop", Name: "reviews"}

// cluster is an API server in memory, whose clock goes on when somebody rests,
// and whose pods come and go with their Deployments.
type cluster struct {
	t *testing.T
	client.Client
	now           time.Time
	statusWrites  int
	refuseUpdates bool
	contended     time.Time // until when somebody else writes, each time, in between
	lost          int       // updates that lost such a race
	updated       time.Time // when a VirtualService was written first
	deleted       time.Time // when a Deployment was deleted
	meanwhile     func()    // happens once, before the routes are read
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, istio.AddToScheme} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	inner := fake.NewClientBuilder().WithScheme(known).Build()
	for document := range strings.SplitSeq(app, "---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		if err := inner.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{t: t, now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	c.Client = interceptor.NewClient(inner, interceptor.Funcs{
		List: func(ctx context.Context, w client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if do := c.meanwhile; do != nil && list.GetObjectKind().GroupVersionKind().Kind == "VirtualServiceList" {
				c.meanwhile = nil
				do()
			}
			return w.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.CreateOption) error {
			if u.GetUID() == "" { // which the API server gives
				u.SetUID(types.UID("uid-" + u.GetName()))
			}
			return w.Create(ctx, u, opts...)
		},
		Patch: func(ctx context.Context, w client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
			if u.GetObjectKind().GroupVersionKind().Kind == "Service" {
				c.statusWrites++
			}
			return w.Patch(ctx, u, p, opts...)
		},
		Update: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.UpdateOption) error {
			if c.refuseUpdates {
				return errors.New("alice may not update")
			}
			if c.now.Before(c.contended) && c.lost < 100 {
				c.lost++
				return apierrors.NewConflict(schema.GroupResource{Resource: "virtualservices"}, u.GetName(), errors.New("the object has been modified"))
			}
			if c.updated.IsZero() && u.GetObjectKind().GroupVersionKind().Kind == "VirtualService" {
				c.updated = c.now
			}
			return w.Update(ctx, u, opts...)
		},
		Delete: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.DeleteOption) error {
			if u.GetObjectKind().GroupVersionKind().Kind == "Deployment" {
				c.deleted = c.now
			}
			return w.Delete(ctx, u, opts...)
		},
	})
	c.pods()
	return c
}

// pods gives every Deployment one ready pod, and takes those of no Deployment.
func (c *cluster) pods() {
	c.t.Helper()
	ctx := c.t.Context()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "reviews-x", Labels: map[string]string{discoveryv1.LabelServiceName: "reviews"}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for _, version := range []string{"v1", "v2"} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "reviews-" + version + "-x",
				Labels:          map[string]string{"app": "reviews", "version": version, appsv1.DefaultDeploymentUniqueLabelKey: "x"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "reviews-" + version + "-x", UID: types.UID(version), Controller: ptr.To(true)}},
			},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		}
		if c.get("apps/v1", "Deployment", "reviews-"+version) == nil {
			if err := client.IgnoreNotFound(c.Delete(ctx, pod)); err != nil {
				c.t.Fatal(err)
			}
			continue
		}
		if err := c.Create(ctx, pod.DeepCopy()); err != nil && !apply.IsRace(err) {
			c.t.Fatal(err)
		}
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.1.0." + version[1:]}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: pod.Name},
		})
	}
	if err := client.IgnoreNotFound(c.Delete(ctx, slice.DeepCopy())); err != nil {
		c.t.Fatal(err)
	}
	if err := c.Create(ctx, slice); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) get(apiVersion, kind, name string) *unstructured.Unstructured {
	c.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	err := c.Get(c.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, u)
	if client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return u
}

// rest lets time pass.
func (c *cluster) rest(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	c.pods()
	return ctx.Err()
}

// controller brings the release to a phase, and is gone then.
func (c *cluster) controller(phase release.Phase) {
	c.t.Helper()
	for range 200 {
		s, err := snapshot.Read(c.t.Context(), c, key, plan.Defaults)
		if err != nil {
			c.t.Fatal(err)
		}
		p := plan.Make(s, c.now)
		if len(p.Refused) > 0 {
			c.t.Fatal(p.Refused)
		}
		if err := apply.Plan(c.t.Context(), c, p, s.Service); err != nil {
			c.t.Fatal(err)
		}
		if p.Status != nil && p.Status.Phase == phase && (p.Idle() || phase.Ended()) {
			return
		}
		if err := c.rest(c.t.Context(), time.Second); err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Fatalf("the release did not become %s", phase)
}

func (c *cluster) intent(key, value string) {
	c.t.Helper()
	c.annotate("apps/v1", "Deployment", "reviews-v1", key, value)
}

// annotate writes an annotation as a user does; an empty one is taken away.
func (c *cluster) annotate(apiVersion, kind, name, key, value string) {
	c.t.Helper()
	u := c.get(apiVersion, kind, name)
	annotations := map[string]string{}
	maps.Copy(annotations, u.GetAnnotations())
	if annotations[key] = value; value == "" {
		delete(annotations, key)
	}
	u.SetAnnotations(annotations)
	if err := c.Update(c.t.Context(), u); err != nil {
		c.t.Fatal(err)
	}
}

// claim is what holds the Service now; one without anything, where nothing does.
func (c *cluster) claim() *release.Status {
	c.t.Helper()
	service := c.get("v1", "Service", "reviews")
	claim, err := release.Claim(service.GetAnnotations(), service.GetUID())
	if err != nil {
		c.t.Fatal(err)
	}
	return cmp.Or(claim, &release.Status{})
}

// work is all that a release changes: Deployments, routes and rules.
func (c *cluster) work() string {
	c.t.Helper()
	var all []string
	for kind, apiVersion := range map[string]string{"Deployment": "apps/v1", "VirtualService": "networking.istio.io/v1", "DestinationRule": "networking.istio.io/v1"} {
		var list unstructured.UnstructuredList
		list.SetAPIVersion(apiVersion)
		list.SetKind(kind + "List")
		if err := c.List(c.t.Context(), &list); err != nil {
			c.t.Fatal(err)
		}
		for _, u := range list.Items {
			all = append(all, text(c.t, u.Object))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "---\n")
}

func (c *cluster) runner(told *[]string) *local.Runner {
	return &local.Runner{
		Client: c, Settings: plan.Defaults, Now: func() time.Time { return c.now }, Rest: c.rest,
		Tell: func(what string) { *told = append(*told, what) },
	}
}

func TestEnd(t *testing.T) {
	c := newCluster(t)
	before := c.get("networking.istio.io/v1", "VirtualService", "reviews").Object["spec"]
	c.controller(release.Routing)
	if c.get("apps/v1", "Deployment", "reviews-v2") == nil {
		t.Fatal("there is no clone to begin with")
	}
	c.intent(intent.KeyEnd, "cancel")
	c.statusWrites = 0
	var told []string
	started := c.now
	s, err := c.runner(&told).End(t.Context(), key, c.claim())
	if err != nil || s.Phase != release.Cancelled {
		t.Fatalf("the release is %+v, %v", s, err)
	}
	if c.now.Sub(started) < plan.Defaults.Drain {
		t.Errorf("it took %s, less than the drain", c.now.Sub(started))
	}
	if c.statusWrites > 0 {
		t.Errorf("%d writes of the claim, which is the controller's", c.statusWrites)
	}
	if c.get("apps/v1", "Deployment", "reviews-v2") != nil {
		t.Error("the clone is still there")
	}
	var rules unstructured.UnstructuredList
	rules.SetAPIVersion("networking.istio.io/v1")
	rules.SetKind("DestinationRuleList")
	if err := c.List(t.Context(), &rules); err != nil || len(rules.Items) > 0 {
		t.Errorf("%d rules of ours are left (%v)", len(rules.Items), err)
	}
	after := c.get("networking.istio.io/v1", "VirtualService", "reviews").Object["spec"]
	if x, y := text(t, before), text(t, after); x != y {
		t.Errorf("the user's routes are\n%s\nand were\n%s", y, x)
	}
	if !strings.Contains(strings.Join(told, "\n"), "Deployment shop/reviews-v2: takes the grayscale version away") {
		t.Errorf("it told only %q", told)
	}
	c.controller(release.Cancelled) // which closes the claim when it returns
	if value := c.get("v1", "Service", "reviews").GetAnnotations()[intent.AnnotationStatus]; value != "" {
		t.Errorf("the claim is still there: %s", value)
	}
}

// TestEndLosesRaces: what was not written is not taken for done, and the drain counts
// from the write that took the traffic away.
func TestEndLosesRaces(t *testing.T) {
	c := newCluster(t)
	c.controller(release.Routing)
	c.intent(intent.KeyEnd, "cancel")
	c.contended, c.updated = c.now.Add(time.Second), time.Time{}
	var told []string
	if s, err := c.runner(&told).End(t.Context(), key, c.claim()); err != nil || s.Phase != release.Cancelled {
		t.Fatalf("the release is %+v, %v", s, err)
	}
	if c.lost == 0 || c.lost > 20 {
		t.Errorf("it lost %d races in a second: it should rest between them", c.lost)
	}
	if c.deleted.Sub(c.updated) < plan.Defaults.Drain {
		t.Errorf("the clone was deleted %s after the routes were written, less than the drain", c.deleted.Sub(c.updated))
	}
}

// TestEndOfAnother: the controller returns while a release is ended by hand, closes
// it, and another begins. Ours is over then, and nothing of the next one is touched.
func TestEndOfAnother(t *testing.T) {
	for name, test := range map[string]struct {
		next  string // the release that begins then; empty: none
		reads bool   // it happens between the reads of a pass, and not between two passes
	}{
		"closed":                         {},
		"another runs":                   {next: "next"},
		"one by that name, at the reads": {next: "reviews-v2", reads: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.controller(release.Routing)
			c.intent(intent.KeyEnd, "cancel")
			ours, before := c.claim(), ""
			returns := func() {
				for c.claim().Task != "" { // it notes the end before it closes
					c.controller(release.Cancelled)
				}
				if test.next != "" {
					c.annotate("v1", "Service", "reviews", intent.AnnotationHistory, "") // long ago
					c.intent(intent.KeyEnd, "")
					c.intent(intent.KeyRelease, test.next) // the controller took the last one away
					c.intent(intent.KeyImage, "v2")
					c.intent(intent.KeyWeight, "20")
					c.controller(release.Routing)
				}
				before = c.work()
			}
			runner := c.runner(&[]string{})
			runner.Rest = func(ctx context.Context, d time.Duration) error {
				switch {
				case before != "":
				case test.reads:
					c.meanwhile = returns
				default:
					returns()
				}
				return c.rest(ctx, d)
			}
			if s, err := runner.End(t.Context(), key, ours); !errors.Is(err, local.ErrEnded) {
				t.Errorf("it ends with %+v, %v", s, err)
			}
			if after := c.work(); after != before || before == "" {
				t.Errorf("the work was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEndRefuses(t *testing.T) {
	c := newCluster(t)
	var told []string
	if _, err := c.runner(&told).End(t.Context(), key, c.claim()); !errors.Is(err, local.ErrEnded) {
		t.Errorf("of a release that is only asked for: %v", err)
	}
	c.controller(release.Routing)
	if _, err := c.runner(&told).End(t.Context(), key, c.claim()); !errors.Is(err, local.ErrNotEnding) {
		t.Errorf("of a release that nobody has cancelled: %v", err)
	}
	c.intent(intent.KeyEnd, "cancel")
	c.refuseUpdates = true
	if _, err := c.runner(&told).End(t.Context(), key, c.claim()); err == nil || !strings.Contains(err.Error(), "VirtualService shop/reviews: alice may not update") {
		t.Errorf("without the right: %v", err)
	}
	c.refuseUpdates = false
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.runner(&told).End(stopped, key, c.claim()); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if s, err := c.runner(&told).End(t.Context(), key, c.claim()); err != nil || s.Phase != release.Cancelled {
		t.Errorf("begun anew: %+v, %v", s, err)
	}
}
