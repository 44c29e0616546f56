package snapshot_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

var reviews = types.NamespacedName{Namespace: "shop", Name: "reviews"}

// parse reads YAML documents.
func parse(t *testing.T, manifests string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, document := range strings.Split(manifests, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("reading %s: %v", document, err)
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(data, &u.Object); err != nil {
			t.Fatalf("reading %s: %v", document, err)
		}
		out = append(out, u)
	}
	return out
}

const shop = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, uid: uid-reviews}
spec: {selector: {app: reviews}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: shop, annotations: {grayscale.dev/release: task}}
spec: {template: {metadata: {labels: {app: reviews, version: v1}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: elsewhere}
---
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: short, namespace: shop}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: edge}
spec: {hosts: [shop.example.com], http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wildcard, namespace: edge}
spec: {hosts: ["*.shop.svc.cluster.local"], http: [{route: [{destination: {host: catchall}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other-wildcard, namespace: edge}
spec: {hosts: ["*.example.com"], http: [{route: [{destination: {host: catchall}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: edge}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec: {host: reviews}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: wildcard, namespace: istio-system}
spec: {host: "*.local"}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: other, namespace: edge}
spec: {host: reviews}
`

func names(objects []*unstructured.Unstructured) []string {
	var out []string
	for _, u := range objects {
		out = append(out, u.GetNamespace()+"/"+u.GetName())
	}
	slices.Sort(out)
	return out
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestBeforeARelease: what decides whether one can start.
func TestBeforeARelease(t *testing.T) {
	s, err := snapshot.Read(context.Background(), snapshot.Files(parse(t, shop)), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	if s.Service == nil || s.Service.GetUID() != "uid-reviews" || s.Settings != plan.Defaults {
		t.Errorf("Service %v, settings %+v", s.Service, s.Settings)
	}
	want(t, "Services", names(s.Services), "shop/reviews")
	want(t, "Deployments", names(s.Deployments), "shop/reviews-v1")
	want(t, "VirtualServices", names(s.VirtualServices), "edge/front", "edge/wildcard", "shop/short")
	want(t, "DestinationRules", names(s.DestinationRules), "istio-system/wildcard", "shop/reviews")
	if len(s.Pods) > 0 || len(s.Endpoints) > 0 {
		t.Errorf("pods are read before there is a release: %v, %v", s.Pods, s.Endpoints)
	}
}

func TestNoService(t *testing.T) {
	s, err := snapshot.Read(context.Background(), snapshot.Files(parse(t, shop)), types.NamespacedName{Namespace: "shop", Name: "gone"}, plan.Defaults)
	if err != nil || s.Service != nil {
		t.Errorf("got %v, %v", s.Service, err)
	}
	want(t, "Deployments", names(s.Deployments), "shop/reviews-v1")
}

// TestServiceGone: of the Deployment whose release went with its Service, and of
// no other, the ReplicaSets are read, for they hold the intent.
func TestServiceGone(t *testing.T) {
	const lost = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: shop, uid: uid-original}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2, namespace: shop, uid: uid-clone, labels: {grayscale.dev/task: task, grayscale.dev/of: reviews-v1}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: original, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: reviews-v1, uid: uid-original, controller: true}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: clone, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: reviews-v2, uid: uid-clone, controller: true}]}
`
	var objects []client.Object
	for _, u := range parse(t, lost) {
		objects = append(objects, u)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, gvk := range []schema.GroupVersionKind{snapshot.Services, snapshot.Deployments, snapshot.ReplicaSets, snapshot.VirtualServices, snapshot.DestinationRules} {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	s, err := snapshot.Read(context.Background(), fake.NewClientBuilder().WithRESTMapper(mapper).WithObjects(objects...).Build(), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "ReplicaSets", names(s.ReplicaSets), "shop/original")
}

const pods = `
apiVersion: v1
kind: Pod
metadata:
  name: good
  namespace: shop
  labels: {app: reviews, version: v1, pod-template-hash: 6d9f}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: reviews-v1-6d9f, uid: uid-set, controller: true}]
status:
  conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-23T00:00:00Z"}]
  containerStatuses: [{name: app, state: {running: {}}}]
---
apiVersion: v1
kind: Pod
metadata:
  name: pulling
  namespace: shop
  labels: {app: reviews, version: v2, pod-template-hash: 6d9f}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: by-hand, uid: uid-set, controller: true}]
status:
  conditions: [{type: Ready, status: "False"}]
  initContainerStatuses: [{name: init, state: {terminated: {exitCode: 0}}}]
  containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff, message: "Back-off pulling image LONG"}}}]
---
apiVersion: v1
kind: Pod
metadata:
  name: starting
  namespace: shop
  labels: {app: reviews, pod-template-hash: 6d9f}
  ownerReferences: [{apiVersion: batch/v1, kind: Job, name: reviews-v1-6d9f, uid: uid-set, controller: true}]
status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: crashing, namespace: shop, labels: {app: reviews}}
status: {initContainerStatuses: [{name: init, state: {waiting: {reason: CrashLoopBackOff}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: homeless, namespace: shop, labels: {app: reviews}}
status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: leaving, namespace: shop, labels: {app: reviews}, deletionTimestamp: "2026-11-23T00:00:00Z"}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop, labels: {app: ratings}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-a, namespace: shop, labels: {kubernetes.io/service-name: reviews}}
endpoints:
- {addresses: [10.0.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: good}}
- {addresses: [10.0.0.2], conditions: {ready: false}, targetRef: {kind: Pod, name: pulling}}
- {addresses: [10.0.0.3], conditions: {}, targetRef: {kind: Pod, name: starting}}
- {addresses: [10.0.0.9], conditions: {ready: true}}
- {addresses: [10.0.0.8], targetRef: {kind: Node, name: good}}
- {addresses: [10.0.0.7], conditions: {ready: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-b, namespace: shop, labels: {kubernetes.io/service-name: reviews}}
endpoints:
- {addresses: ["fd00::1"], conditions: {ready: false}, targetRef: {kind: Pod, name: good}}
- {addresses: ["fd00::2"], conditions: {ready: true}, targetRef: {kind: Pod, name: leaving}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ratings-a, namespace: shop, labels: {kubernetes.io/service-name: ratings}}
endpoints: [{addresses: [10.0.0.4], conditions: {ready: true}, targetRef: {kind: Pod, name: other}}]
`

// held puts a claim on the Service.
func held(t *testing.T, objects []*unstructured.Unstructured, phase release.Phase) {
	t.Helper()
	claim(t, objects, release.Status{Schema: release.Schema, Task: "task", Phase: phase, Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Original: release.Version{Name: "reviews-v1"}})
}

// TestDuringARelease: pods and endpoints count, each once.
func TestDuringARelease(t *testing.T) {
	long := strings.Repeat("é", 300)
	objects := parse(t, shop+"\n---\n"+strings.ReplaceAll(pods, "LONG", long))
	held(t, objects, release.Routing)
	s, err := snapshot.Read(context.Background(), snapshot.Files(objects), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	wantEndpoints := []plan.Endpoint{{Pod: "good", Ready: true}, {Pod: "pulling"}, {Pod: "starting", Ready: true}, {Pod: "leaving", Ready: true}}
	if !slices.Equal(s.Endpoints, wantEndpoints) {
		t.Errorf("endpoints %v, want %v", s.Endpoints, wantEndpoints)
	}
	nobodys := []plan.Stranger{{What: "address 10.0.0.9 of EndpointSlice shop/reviews-a"}, {What: "address 10.0.0.8 of EndpointSlice shop/reviews-a"}}
	if !reflect.DeepEqual(s.Strangers, nobodys) {
		t.Errorf("addresses without a pod: %v, want %v", s.Strangers, nobodys)
	}
	trouble := map[string]string{
		"good": "", "starting": "", "leaving": "", "crashing": "CrashLoopBackOff", "homeless": "Unschedulable: 0/3 nodes are available",
		"pulling": "ImagePullBackOff: Back-off pulling image " + strings.Repeat("é", (160-len("Back-off pulling image …"))/2) + "…",
	}
	if len(s.Pods) != len(trouble) {
		t.Errorf("%d pods, want %d", len(s.Pods), len(trouble))
	}
	for _, p := range s.Pods {
		if p.Trouble != trouble[p.Name] {
			t.Errorf("pod %s: trouble %q, want %q", p.Name, p.Trouble, trouble[p.Name])
		}
		if (p.Owner == "reviews-v1") != (p.Name == "good") || p.Name != "good" && p.Owner != "" {
			t.Errorf("pod %s: its owner is %q", p.Name, p.Owner)
		}
		if controller := map[string]string{"pulling": "ReplicaSet shop/by-hand", "starting": "Job shop/reviews-v1-6d9f"}[p.Name]; p.Name != "good" && p.Controller != controller {
			t.Errorf("pod %s: its controller is %q, want %q", p.Name, p.Controller, controller)
		}
		if p.Ready != (p.Name == "good") || p.Leaving != (p.Name == "leaving") {
			t.Errorf("pod %s: %+v", p.Name, p)
		}
	}
	if since := s.Pods[0].ReadySince; !since.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("ready since %s", since)
	}
}

// sets adds the metadata of ReplicaSets, which no file holds.
type sets struct {
	client.Reader
	all []metav1.PartialObjectMetadata
}

func (s sets) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if to, ok := l.(*metav1.PartialObjectMetadataList); ok {
		to.Items = s.all
		return nil
	}
	return s.Reader.List(ctx, l, opts...)
}

// TestAdoptedReplicaSet: pods of a ReplicaSet that a Deployment has taken over are
// the Deployment's, whatever its name, and those of one that belongs to none are not.
func TestAdoptedReplicaSet(t *testing.T) {
	yes := true
	for owner, want := range map[string]string{"Deployment": "reviews-v1", "Rollout": "", "": ""} {
		objects := parse(t, shop+"\n---\n"+pods)
		held(t, objects, release.Routing)
		set := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "by-hand"}}
		if owner != "" {
			set.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: "reviews-v1", Controller: &yes}}
		}
		s, err := snapshot.Read(context.Background(), sets{snapshot.Files(objects), []metav1.PartialObjectMetadata{set}}, reviews, plan.Defaults)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(s.Pods, func(p plan.Pod) bool { return p.Name == "pulling" })
		if got := s.Pods[at].Owner; got != want {
			t.Errorf("a ReplicaSet of %q: its pods are of Deployment %q, want %q", owner, got, want)
		}
	}
}

func TestFilesAreCopied(t *testing.T) {
	objects := parse(t, shop)
	r := snapshot.Files(objects)
	objects[0].SetUID("changed")
	got := snapshot.Object(snapshot.Services)
	if err := r.Get(context.Background(), reviews, got); err != nil || got.GetUID() != "uid-reviews" {
		t.Errorf("got %s, %v", got.GetUID(), err)
	}
	got.SetUID("changed too")
	again := snapshot.Object(snapshot.Services)
	if err := r.Get(context.Background(), reviews, again); err != nil || again.GetUID() != "uid-reviews" {
		t.Errorf("got %s, %v", again.GetUID(), err)
	}
	if err := r.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: "reviews"}, got); !apierrors.IsNotFound(err) {
		t.Errorf("got %v, want not found", err)
	}
	if err := r.Get(context.Background(), reviews, &corev1.Service{}); err == nil {
		t.Error("a typed object was read from files")
	}
}

func TestFilesWithoutNamespace(t *testing.T) {
	r := snapshot.Files(parse(t, "apiVersion: v1\nkind: Service\nmetadata: {name: reviews}"))
	if err := r.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: "reviews"}, snapshot.Object(snapshot.Services)); err != nil {
		t.Error(err)
	}
}

// failing lets the list of one kind fail.
type failing struct {
	client.Reader
	kind string
	err  error
}

func (f failing) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if l.GetObjectKind().GroupVersionKind().Kind == f.kind+"List" {
		return f.err
	}
	return f.Reader.List(ctx, l, opts...)
}

// TestErrors: whatever can't be read is an error, but for kinds that the cluster
// lacks.
func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	missing := &meta.NoKindMatchError{}
	for _, test := range []struct {
		kind string
		err  error
		ok   bool
	}{
		{"Service", broken, false}, {"Deployment", broken, false}, {"VirtualService", broken, false}, {"DestinationRule", broken, false},
		{"EndpointSlice", broken, false}, {"Pod", broken, false}, {"HorizontalPodAutoscaler", broken, false},
		{"HorizontalPodAutoscaler", missing, true}, {"VirtualService", missing, false},
		{"ScaledObject", broken, false}, {"ScaledObject", missing, true},
		{"Ingress", broken, false}, {"Ingress", missing, true}, {"ServiceEntry", broken, false}, {"ServiceEntry", missing, true},
		{"WorkloadEntry", broken, false}, {"WorkloadEntry", missing, true},
		{"HTTPRoute", broken, false}, {"HTTPRoute", missing, true}, {"TLSRoute", broken, false}, {"TLSRoute", missing, true},
	} {
		objects := parse(t, shop)
		held(t, objects, release.TakenOver)
		objects[1].SetAnnotations(map[string]string{intent.KeyRelease: "task", intent.KeyEnd: "finish"})
		_, err := snapshot.Read(context.Background(), failing{snapshot.Files(objects), test.kind, test.err}, reviews, plan.Defaults)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s is %v: got %v", test.kind, test.err, err)
		}
	}
}

func TestIndexes(t *testing.T) {
	for _, u := range parse(t, shop) {
		switch u.GetKind() + " " + u.GetName() {
		case "VirtualService short":
			want(t, u.GetName(), snapshot.VirtualServiceIndex(u), "shop/reviews")
		case "VirtualService wildcard":
			want(t, u.GetName(), snapshot.VirtualServiceIndex(u), "edge/catchall", snapshot.Wildcard)
		case "DestinationRule reviews":
			want(t, u.GetName(), snapshot.DestinationRuleIndex(u), "shop/reviews")
		case "DestinationRule wildcard":
			want(t, u.GetName(), snapshot.DestinationRuleIndex(u), snapshot.Wildcard)
		}
	}
	if snapshot.VirtualServiceIndex(&corev1.Service{}) != nil || snapshot.DestinationRuleIndex(&corev1.Service{}) != nil {
		t.Error("a typed object has an index")
	}
}
