package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

const others = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: reviews, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: default, namespace: shop}
spec: {defaultBackend: {service: {name: reviews, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: unrelated, namespace: shop}
spec: {defaultBackend: {service: {name: ratings, port: {number: 80}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: weighted, namespace: shop}
spec: {rules: [{backendRefs: [{name: ratings}, {name: reviews, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: mirror, namespace: shop}
spec: {rules: [{backendRefs: [{name: ratings}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: reviews, port: 80}}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: unrelated, namespace: shop}
spec: {rules: [{backendRefs: [{name: ratings}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: abroad, namespace: edge}
spec: {rules: [{backendRefs: [{name: reviews, namespace: shop, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: abroad-mirror, namespace: edge}
spec: {rules: [{backendRefs: [{name: ratings, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: reviews, namespace: shop, port: 80}}}]}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: namesake, namespace: edge}
spec: {rules: [{backendRefs: [{name: reviews, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: reviews, port: 80}}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: to-namesake, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, namespace: edge, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: reviews, namespace: edge}}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other-kind, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, kind: InferencePool, group: inference.networking.k8s.io}]}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: legacy, namespace: shop}
spec: {hosts: [old.example.com], workloadSelector: {labels: {app: reviews}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: external, namespace: shop}
spec: {hosts: [api.example.com]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: shop}
spec: {hosts: [old.example.com], workloadSelector: {labels: {app: ratings}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: by-host, namespace: edge}
spec: {rules: [{backendRefs: [{name: reviews.shop.svc.cluster.local, kind: Hostname, group: networking.istio.io, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other-host, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews.example.com, kind: Hostname, group: networking.istio.io, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata: {name: bound, namespace: shop}
spec: {parentRefs: [{kind: Service, group: "", name: reviews}], rules: [{backendRefs: [{name: reviews, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bound-to-a-gateway, namespace: shop}
spec: {parentRefs: [{name: reviews}], rules: [{backendRefs: [{name: ratings}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: GRPCRoute
metadata: {name: grpc, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha3
kind: TLSRoute
metadata: {name: tls, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: tcp, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: udp, namespace: shop}
spec: {rules: [{backendRefs: [{name: reviews, port: 80}]}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: alias, namespace: edge}
spec: {hosts: [reviews.example.com], resolution: DNS, endpoints: [{address: reviews.shop.svc.cluster.local}, {address: 10.0.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: shop}
spec: {address: 192.0.2.1, labels: {app: reviews, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-by-its-own-labels, namespace: shop, labels: {app: reviews}}
spec: {address: 192.0.2.2, labels: {app: ratings}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other, namespace: shop}
spec: {address: 192.0.2.3, labels: {app: ratings}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: abroad, namespace: edge}
spec: {address: 192.0.2.4, labels: {app: reviews}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere, namespace: edge}
spec: {hosts: [old.example.com], workloadSelector: {labels: {app: reviews}}}
`

func what(ways []plan.Way) []string {
	var out []string
	for _, w := range ways {
		line := w.What
		if len(w.Selects) > 0 {
			line += fmt.Sprint(" ", w.Selects)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// allWays are those of the manifests above that lead to Service shop/reviews.
var allWays = []string{
	"GRPCRoute shop/grpc", "HTTPRoute edge/abroad", "HTTPRoute edge/abroad-mirror", "HTTPRoute edge/by-host", "HTTPRoute shop/bound",
	"HTTPRoute shop/mirror", "HTTPRoute shop/weighted", "Ingress shop/default", "Ingress shop/front", "ServiceEntry edge/alias",
	"ServiceEntry shop/legacy map[app:reviews]", "ServiceEntry shop/other map[app:ratings]",
	"TCPRoute shop/tcp", "TLSRoute shop/tls", "UDPRoute shop/udp",
}

// TestWays: they are there when a release is asked for, and while it runs.
func TestWays(t *testing.T) {
	for _, phase := range []release.Phase{"", release.Routing} {
		objects := parse(t, shop+"\n---\n"+others)
		if phase != "" {
			held(t, objects, phase)
		}
		s, err := snapshot.Read(context.Background(), snapshot.Files(objects), reviews, plan.Defaults)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "other ways", what(s.Ways), allWays...)
		vms := []plan.Stranger{
			{What: "WorkloadEntry shop/vm", Labels: map[string]string{"app": "reviews", "version": "v1"}},
			{What: "WorkloadEntry shop/vm-by-its-own-labels", Labels: map[string]string{"app": "reviews"}},
		}
		if !reflect.DeepEqual(s.Strangers, vms) {
			t.Errorf("workloads outside of the cluster: %v, want %v", s.Strangers, vms)
		}
		for _, w := range s.Ways {
			if w.Why == "" || w.Right == "" {
				t.Errorf("%+v says too little", w)
			}
			if w.What == "HTTPRoute shop/bound" && !strings.Contains(w.Why, "bound to Service shop/reviews") {
				t.Errorf("%s: %s", w.What, w.Why)
			}
		}
	}
}

// TestNobodyAsks: without an intent for it or a claim nothing is read live.
func TestNobodyAsks(t *testing.T) {
	for name, test := range map[string]struct {
		annotations map[string]string
		asked       bool
	}{
		"nobody":                       {nil, false},
		"one that it selects":          {map[string]string{intent.KeyRelease: "task"}, true},
		"one that names it":            {map[string]string{intent.KeyRelease: "task", intent.KeyService: "reviews"}, true},
		"one that names its neighbour": {map[string]string{intent.KeyRelease: "task", intent.KeyService: "all"}, false},
		"keys without a release":       {map[string]string{intent.KeyService: "reviews"}, false},
	} {
		objects := parse(t, shop+"\n---\n"+others)
		objects[1].SetAnnotations(test.annotations)
		c := &counting{Reader: snapshot.Files(objects)}
		s, err := snapshot.Source{Reader: snapshot.Files(objects), Live: c}.Read(context.Background(), reviews, plan.Defaults)
		if err != nil || (len(s.Ways) > 0) != test.asked || (len(c.lists) > 0) != test.asked {
			t.Errorf("%s: got %v, %v after the lists %v", name, s.Ways, err, c.lists)
		}
	}
}

// counting notes what is listed.
type counting struct {
	client.Reader
	mu    sync.Mutex
	lists []string
}

func (c *counting) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists = append(c.lists, l.GetObjectKind().GroupVersionKind().Kind+" "+o.Namespace)
	return c.Reader.List(ctx, l, opts...)
}

// TestWaysAreShared: running releases look together, all WayPeriod, and much
// sooner for one that has other ways; a release that starts looks for itself.
func TestWaysAreShared(t *testing.T) {
	for name, test := range map[string]struct {
		beside string
		ways   []string
		again  time.Duration
	}{
		"other ways": {"\n---\n" + others, allWays, 10 * time.Second},
		"none":       {"", nil, snapshot.WayPeriod},
	} {
		t.Run(name, func(t *testing.T) {
			objects := parse(t, shop+test.beside)
			files := snapshot.Files(objects)
			c, now := &counting{Reader: files}, time.Unix(0, 0)
			ways := &snapshot.Ways{Now: func() time.Time { return now }}
			read := func(reader client.Reader) (ingresses []string) {
				t.Helper()
				c.lists = nil
				s, err := snapshot.Source{Reader: reader, Live: c, Ways: ways}.Read(context.Background(), reviews, plan.Defaults)
				if err != nil {
					t.Fatal(err)
				}
				want(t, "other ways", what(s.Ways), test.ways...)
				return slices.DeleteFunc(c.lists, func(l string) bool { return !strings.HasPrefix(l, "Ingress") })
			}
			want(t, "a start", read(files), "IngressList shop")
			want(t, "a second look at it", read(files), "IngressList shop")
			held(t, objects, release.Routing)
			running := snapshot.Files(objects)
			want(t, "a running release", read(running), "IngressList ")
			now = now.Add(test.again - time.Second)
			want(t, "soon after", read(running))
			now = now.Add(time.Second)
			want(t, "later", read(running), "IngressList ")
		})
	}
}

// paged serves a kind in one version only, and two objects at a time.
type paged struct {
	client.Reader
	version string
	asked   []string
}

func (p *paged) List(_ context.Context, l client.ObjectList, opts ...client.ListOption) error {
	kind, o := l.GetObjectKind().GroupVersionKind(), (&client.ListOptions{}).ApplyOptions(opts)
	p.asked = append(p.asked, kind.Version+" "+o.Continue)
	if kind.Version != p.version {
		return &meta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
	}
	if o.Limit == 0 {
		return errors.New("all at once")
	}
	from := 0
	if o.Continue != "" {
		from, _ = strconv.Atoi(o.Continue)
	}
	to := l.(*unstructured.UnstructuredList)
	for n := from; n < from+2; n++ {
		u := unstructured.Unstructured{Object: map[string]any{}}
		u.SetName(strconv.Itoa(n))
		to.Items = append(to.Items, u)
	}
	if from < 2 {
		to.SetContinue(strconv.Itoa(from + 2))
	}
	return nil
}

func TestServedVersions(t *testing.T) {
	kind := snapshot.Routes[2] // TLSRoute
	for version, asked := range map[string][]string{
		"v1": {"v1 ", "v1 2"}, "v1alpha3": {"v1 ", "v1alpha3 ", "v1alpha3 2"}, "v1alpha2": {"v1 ", "v1alpha3 ", "v1alpha2 ", "v1alpha2 2"},
		"v2": {"v1 ", "v1alpha3 ", "v1alpha2 "},
	} {
		p := &paged{version: version}
		var names []string
		if err := snapshot.Each(context.Background(), p, kind, func(u *unstructured.Unstructured) { names = append(names, u.GetName()) }); err != nil {
			t.Fatal(err)
		}
		want(t, version, p.asked, asked...)
		if version != "v2" {
			want(t, version, names, "0", "1", "2", "3")
		}
	}
}

const scalers = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: reviews, namespace: shop}
spec: {scaleTargetRef: {kind: Deployment, name: reviews-v1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: stateful, namespace: shop}
spec: {scaleTargetRef: {kind: StatefulSet, name: reviews-v1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: reviews, namespace: edge}
spec: {scaleTargetRef: {kind: Deployment, name: reviews-v1}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: queue, namespace: shop}
spec: {scaleTargetRef: {name: reviews-v1}}
`

// TestAutoscalers: who scales Deployments counts from the start.
func TestAutoscalers(t *testing.T) {
	for _, phase := range []release.Phase{"", release.Pending, release.TakenOver} {
		objects := parse(t, shop+"\n---\n"+scalers)
		if phase != "" {
			held(t, objects, phase)
		}
		s, err := snapshot.Read(context.Background(), snapshot.Files(objects), reviews, plan.Defaults)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "autoscalers", names(s.Autoscalers), "shop/queue", "shop/reviews")
	}
}

const named = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: grayscale-reviews, namespace: shop}
spec: {hosts: [ratings], http: [{route: [{destination: {host: ratings}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: grayscale-reviews, namespace: edge}
spec: {host: ratings}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: grayscale-reviews, namespace: shop, labels: {grayscale.dev/service: reviews, grayscale.dev/namespace: shop}}
spec: {host: reviews}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: grayscale-ratings, namespace: shop}
spec: {host: ratings}
`

// TestNamesakes: what has a name of ours is known, whatever host it is for.
func TestNamesakes(t *testing.T) {
	objects := parse(t, shop+"\n---\n"+named)
	s, err := snapshot.Read(context.Background(), snapshot.Files(objects), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "namesakes", names(s.Namesakes), "edge/grayscale-reviews", "shop/grayscale-reviews")
	for n, values := range [][]string{{"shop/ratings", snapshot.Namesake}, {snapshot.Namesake, "edge/ratings"}, {"shop/reviews"}, {snapshot.Namesake, "shop/ratings"}} {
		index := snapshot.DestinationRuleIndex
		if n == 0 {
			index = snapshot.VirtualServiceIndex
		}
		want(t, "index", index(objects[len(objects)-4+n]), values...)
	}
}

const delegates = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part, namespace: shop}
spec: {http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: edge}
spec: {hosts: [shop.example.com], gateways: [front], http: [{delegate: {name: part, namespace: shop}}, {delegate: {name: other}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other-root, namespace: edge}
spec: {hosts: [other.example.com], gateways: [front], http: [{delegate: {name: part}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: neighbour, namespace: edge}
spec: {hosts: [shop.example.com], gateways: [front], http: [{route: [{destination: {host: elsewhere}}]}]}
`

// TestRoots: who delegates to a VirtualService of the Service's is there, and who
// stands beside it for a host at a gateway.
func TestRoots(t *testing.T) {
	objects := parse(t, shop+"\n---\n"+delegates)
	s, err := snapshot.Read(context.Background(), snapshot.Files(objects), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "VirtualServices", names(s.VirtualServices), "edge/front", "edge/neighbour", "edge/root", "edge/wildcard", "shop/part", "shop/short")
	want(t, "index", snapshot.VirtualServiceIndex(objects[len(objects)-3]), "to edge/other", "to shop/part", "at edge/front shop.example.com")
}

// TestOriginalOfAnEnd: what a finish writes is read whole, where the cache holds
// but a remnant of it; and no cancel is taken back by a cache that is behind.
func TestOriginalOfAnEnd(t *testing.T) {
	for _, c := range []struct {
		phase  release.Phase
		cached map[string]string
		live   bool
	}{
		{release.Finishing, nil, true},
		{release.Routing, nil, false},
		{release.Cancelling, map[string]string{intent.KeyRelease: "task"}, true},
		{release.Cancelling, map[string]string{intent.KeyRelease: "task", intent.KeyEnd: "cancel"}, false},
		{release.Cancelling, map[string]string{intent.KeyRelease: "next"}, false},
		{release.Cancelling, nil, false},
	} {
		live, cached := parse(t, shop), parse(t, shop)
		live[1].SetAnnotations(map[string]string{"live": "yes"})
		cached[1].SetAnnotations(c.cached)
		for _, objects := range [][]*unstructured.Unstructured{live, cached} {
			status := release.Status{Schema: release.Schema, Task: "task", Phase: c.phase, Service: release.Ref{Name: "reviews", UID: "uid-reviews"}, Original: release.Version{Name: "reviews-v1"}}
			claim(t, objects, status)
		}
		src := snapshot.Source{Reader: snapshot.Files(cached), Live: snapshot.Files(live)}
		s, err := src.Read(context.Background(), types.NamespacedName{Namespace: "shop", Name: "reviews"}, plan.Defaults)
		if err != nil {
			t.Fatal(err)
		}
		if read := s.Deployments[0].GetAnnotations()["live"] == "yes"; read != c.live {
			t.Errorf("%s, %v: read live: %v", c.phase, c.cached, read)
		}
	}
}

// claim puts a status on the Service.
func claim(t *testing.T, objects []*unstructured.Unstructured, status release.Status) {
	t.Helper()
	b, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	objects[0].SetAnnotations(map[string]string{intent.AnnotationStatus: string(b)})
}
