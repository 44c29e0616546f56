package webhook

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

// outages are the ways in which the controller may fail to answer.
var outages = []struct {
	name  string
	begin func(*testing.T) // until the test ends
}{
	{"Down", down},
	{"Hung", hung},
	{"Slow", slow},
	{"NoEndpoints", noEndpoints},
}

// hung has the API server call a port that takes connections and says nothing.
func hung(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	instead(t, local(listener.Addr().(*net.TCPAddr).Port))
}

// slow has every answer of ours take a little more than two seconds.
func slow(t *testing.T) {
	t.Helper()
	counter.slowed(t, 2200*time.Millisecond, deploymentPaths[0], deploymentPaths[1], webhook.PathGuardDeployment, webhook.PathMutateVirtualService)
}

// TestAValidationThatHangsIsToldSoon: with one replica of two that hangs, the mutating
// webhook may have answered.
func TestAValidationThatHangsIsToldSoon(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	c.settled(d)
	counter.slowed(t, time.Minute, webhook.PathValidateDeployment)
	start := time.Now()
	err := c.try(d, annotate(asAny(good())))
	if err == nil || !strings.Contains(err.Error(), `failed calling webhook "validate.deployments.grayscale.dev"`) {
		t.Errorf("an intent that nobody has checked: %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the error took %s, want 3 s at most", took)
	}
}

// noEndpoints has the API server call our Service, which has no pod here.
func noEndpoints(t *testing.T) {
	t.Helper()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "grayscale-webhook"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"no": "pods"}, Ports: []corev1.ServicePort{{Port: 443}}},
	}
	if err := admin().Create(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin().Delete(context.Background(), service); err != nil {
			t.Error(err)
		}
	})
	instead(t, func(clientConfig map[string]any, path string) {
		delete(clientConfig, "url")
		clientConfig["service"] = map[string]any{"namespace": system, "name": service.Name, "path": path, "port": int64(443)}
	})
}

// TestBlastRadius: whatever keeps the controller from answering, nobody who asks
// nothing of it notices, who lets go of a release is not held, and who asks for one is
// told soon that it can't be.
func TestBlastRadius(t *testing.T) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			c := as(t, jane)
			service, original := c.service(), c.deployment(good("weight=10", "traffic=grayscale"))
			held, plain := c.virtualService("reviews", ourRoute, userRoute), deployment(c.namespace, "plain", nil)
			c.made(original, held, plain)
			c.claimed(service, original)
			clone := c.clone()
			as(t, we).made(clone)
			c.settled(original)
			c.settled(plain)
			c.alone()
			o.begin(t)
			c.asks(1, "the writes of others", c.othersDoNotNotice) // their scale to nothing
			// That the mutating webhook is asked, or not, shows: what it is asked about fails.
			// It is also asked about status writes of the Deployment controller's by a cache
			// that lacks these writes.
			c.asks(0, "letting go", func() { c.lettingGoIsFree(original, clone) }, mutating)
			c.asks(0, "asking", func() { c.askingFailsSoon(plain, original) }, mutating)
			c.asks(3, "taking away", func() { c.takingAwayFailsOpen(held, plain, clone) })
		})
	}
}

// alone waits until the namespaces of earlier tests are gone: what is deleted in them
// is asked about, too.
func (c cluster) alone() {
	c.Helper()
	err := until(c.Context(), "no namespace is being deleted", func() (bool, error) {
		var all corev1.NamespaceList
		if err := admin().List(c.Context(), &all); err != nil {
			return false, err
		}
		return !slices.ContainsFunc(all.Items, func(ns corev1.Namespace) bool { return ns.DeletionTimestamp != nil }), nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

// mutating fails closed, and before any other is asked.
const mutating = "mutate.deployments.grayscale.dev"

// asks does writes that must bring so many calls of our webhooks, answered or not, but
// for those.
func (c cluster) asks(calls int, what string, writes func(), but ...string) {
	c.Helper()
	before := asked(c.T, but...)
	writes()
	if n := asked(c.T, but...) - before; n != calls {
		c.Errorf("%s: %d calls of our webhooks, want %d", what, n, calls)
	}
}

// rested does a write of a Deployment when its controller has nothing left to write:
// the API server asks once more about a write that another one overtakes.
func (c cluster) rested(d *unstructured.Unstructured, what string, limit time.Duration, write func() error) {
	c.Helper()
	c.settled(d)
	if err := until(c.Context(), "the pods of "+d.GetName()+" are as they are to be", func() (bool, error) {
		now := c.now(d)
		count := func(fields ...string) int64 {
			n, _, _ := unstructured.NestedInt64(now.Object, fields...)
			return n
		}
		want := count("spec", "replicas")
		return count("status", "replicas") == want && count("status", "availableReplicas") == want && count("status", "terminatingReplicas") == 0, nil
	}); err != nil {
		c.Fatal(err)
	}
	c.timed(what, limit, write)
}

// timed does a write, which must succeed in that time at most.
func (c cluster) timed(what string, limit time.Duration, write func() error) {
	c.Helper()
	start := time.Now()
	if err := write(); err != nil {
		c.Errorf("%s: %v", what, err)
	}
	if took := time.Since(start); took > limit {
		c.Errorf("%s took %s, want %s at most", what, took, limit)
	}
}

// prompt bounds a write that nobody is asked about, on a machine that is busy.
const prompt = time.Second

// othersDoNotNotice: no write of an object without a word of ours is asked about, but
// for a scale to nothing by the subresource, which does not show whose it is.
func (c cluster) othersDoNotNotice() {
	d := deployment(c.namespace, "others", map[string]string{"a": "b"})
	vs := c.virtualService("others", userRoute)
	rule := of("{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: others, namespace: "+c.namespace+"}, spec: {host: others}}", nil)
	service := of("{apiVersion: v1, kind: Service, metadata: {name: others, namespace: "+c.namespace+"}, spec: {selector: {app: others}, ports: [{port: 80}]}}", nil)
	scale := func(patch string) func() error {
		return func() error { return c.SubResource("scale").Patch(c.Context(), d.DeepCopy(), merge(patch)) }
	}
	for _, o := range []*unstructured.Unstructured{d, vs, rule, service} {
		kind := o.GetKind()
		c.timed("creating a "+kind, prompt, func() error { return c.Create(c.Context(), o) })
		c.timed("updating a "+kind, prompt, func() error { return c.try(o, annotate(map[string]any{"a": "c"})) })
		c.timed("applying a "+kind, prompt, func() error {
			fresh := object(o.GetAPIVersion(), kind, c.namespace, "others")
			fresh.SetLabels(map[string]string{"from": "git"})
			return c.Apply(c.Context(), client.ApplyConfigurationFromUnstructured(fresh), client.FieldOwner("git"))
		})
	}
	c.timed("another selector of a Service", prompt, func() error { return c.try(service, `{"spec":{"selector":{"app":"more"}}}`) })
	c.timed("another image", prompt, func() error { return c.try(d, newImage) })
	c.timed("another pod label", prompt, func() error { return c.try(d, podLabel) })
	c.timed("a scale up", prompt, scale(`{"spec":{"replicas":3}}`))
	c.timed("a scale down", prompt, scale(oneReplica))
	c.rested(d, "a scale to nothing", openLimit, scale(noReplica))
	c.timed("a scale up again", prompt, scale(oneReplica))
	c.timed("replicas of 0 in its spec", prompt, func() error { return c.try(d, noReplica) })
	for _, o := range []*unstructured.Unstructured{d, vs, rule, service} {
		c.timed("deleting a "+o.GetKind(), prompt, func() error { return c.Delete(c.Context(), o) })
	}
}

// lettingGoIsFree: nothing that takes traffic or pods back from the grayscale version
// waits for us, and neither does a roll-back of an original.
func (c cluster) lettingGoIsFree(original, clone *unstructured.Unstructured) {
	set := func(key string, value any) func() error {
		return func() error { return c.try(original, annotate(map[string]any{key: value})) }
	}
	c.rested(original, "traffic: original", prompt, set(intent.KeyTraffic, "original"))
	c.rested(original, "another image of the original", prompt, func() error { return c.try(original, newImage) })
	c.rested(original, "its roll-back", prompt, func() error {
		return c.try(original, strings.Replace(newImage, ":1.1", ":1.0", 1))
	})
	c.rested(original, "a scale of the original", prompt, func() error {
		return c.SubResource("scale").Patch(c.Context(), original.DeepCopy(), merge(oneReplica))
	})
	c.rested(clone, "a scale of the clone", prompt, func() error {
		return c.SubResource("scale").Patch(c.Context(), clone.DeepCopy(), merge(oneReplica))
	})
	c.rested(original, "end: cancel", prompt, set(intent.KeyEnd, "cancel"))
	c.rested(original, "release removed", prompt, set(intent.KeyRelease, nil))
	c.rested(original, "another image, and the intent taken away", prompt, func() error {
		return c.try(original, `{"metadata":{"annotations":null},`+newImage[1:])
	})
}

// askingFailsSoon: a new intent, and more of one that runs, is refused in the API
// server's words, which name our webhook, and nothing is written.
func (c cluster) askingFailsSoon(ds ...*unstructured.Unstructured) {
	for _, d := range ds {
		c.settled(d)
		start := time.Now()
		err := c.try(d, annotate(asAny(good("weight=20"))))
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), `failed calling webhook "`+mutating+`"`) {
			c.Errorf("an intent for %s, which nobody has checked: %v", d.GetName(), err)
		}
		if took := time.Since(start); took > 3*time.Second {
			c.Errorf("the error of an intent for %s took %s, want 3 s at most", d.GetName(), took)
		}
		if a := c.now(d).GetAnnotations(); a[intent.KeyRelease] != "" {
			c.Errorf("Deployment %s was written: %v", d.GetName(), a)
		}
	}
}

// openLimit bounds what fails open within a second.
const openLimit = prompt + 500*time.Millisecond

// takingAwayFailsOpen: what would guard a version, and what puts routes back, keeps
// nobody.
func (c cluster) takingAwayFailsOpen(held, plain, clone *unstructured.Unstructured) {
	c.timed("an edit of routes of ours", 2*prompt+500*time.Millisecond, func() error { return c.try(held, annotate(map[string]any{"a": "b"})) })
	c.rested(clone, "a scale of the clone to nothing", openLimit, func() error {
		return c.SubResource("scale").Patch(c.Context(), clone.DeepCopy(), merge(noReplica))
	})
	c.rested(clone, "deleting the clone", openLimit, func() error { return c.Delete(c.Context(), clone) })
	c.timed("deleting another Deployment", prompt, func() error { return c.Delete(c.Context(), plain) })
}

// asked is how many calls of our webhooks the API server has made, answered or not,
// by its own count, but for those.
// https://kubernetes.io/docs/reference/instrumentation/metrics/
func asked(t *testing.T, but ...string) (n int) {
	t.Helper()
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	res, err := get(t.Context(), http, config.Host+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "apiserver_admission_webhook_request_total{") || !strings.Contains(line, ".grayscale.dev\"") {
			continue
		}
		if slices.ContainsFunc(but, func(name string) bool { return strings.Contains(line, `"`+name+`"`) }) {
			continue
		}
		var count int
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &count); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n += count
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("the API server tells of no call of our webhooks at all")
	}
	return n
}

func get(ctx context.Context, c *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return c.Do(req)
}
