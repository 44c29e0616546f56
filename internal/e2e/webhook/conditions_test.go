package webhook

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook"
)

// step is one write, and whether it is to reach us.
type step struct {
	what    string
	reaches bool
	// undone says that the mutating webhook undoes all of it, so that there is
	// nothing left for the validating one.
	undone bool
	write  func()
}

// counted does the writes and counts the calls that each brings to the paths;
// settled waits for what the cluster's own controllers do about it, which
// counts too.
func counted(t *testing.T, steps []step, settled func(), paths ...string) {
	t.Helper()
	for _, s := range steps {
		before := map[string]int{}
		for _, path := range paths {
			before[path] = calls(t, path)
		}
		s.write()
		settled()
		for _, path := range paths {
			want := s.reaches && !(s.undone && path == webhook.PathValidateDeployment)
			if n := calls(t, path) - before[path]; (n > 0) != want {
				t.Errorf("%s: %d calls of %s, want that it reaches us: %v", s.what, n, path, want)
			}
		}
	}
}

var deploymentPaths = []string{webhook.PathMutateDeployment, webhook.PathValidateDeployment}

const (
	newImage   = `{"spec":{"template":{"spec":{"containers":[{"name":"reviews","image":"shop/reviews:1.1"}]}}}}`
	podLabel   = `{"spec":{"template":{"metadata":{"labels":{"team":"x"}}}}}`
	podChart   = `{"spec":{"template":{"metadata":{"labels":{"helm.sh/chart":"shop-1.1"}}}}}`
	podNote    = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`
	oneReplica = `{"spec":{"replicas":1}}`
	noReplica  = `{"spec":{"replicas":0}}`
	itsStatus  = `{"status":{"collisionCount":1}}` // the one field that the Deployment controller keeps
)

func TestOtherDeploymentsPassBy(t *testing.T) {
	c := as(t, jane)
	plain := c.deployment(nil)
	counted(t, []step{
		{what: "create", write: func() { c.made(plain) }},
		{what: "a new image", write: func() { c.patched(plain, newImage) }},
		{what: "a pod label", write: func() { c.patched(plain, podLabel) }},
		{what: "a restart", write: func() { c.patched(plain, podNote) }},
		{what: "scale", write: func() { c.scaled(plain, oneReplica) }},
		{what: "replicas", write: func() { c.patched(plain, noReplica) }},
		{what: "status", write: func() { c.status(plain, itsStatus) }},
		{what: "a label", write: func() { c.patched(plain, metadata("labels", map[string]any{"a": "b"})) }},
		{what: "no annotations again", write: func() { c.patched(plain, `{"metadata":{"annotations":null,"labels":null}}`) }},
	}, func() { c.settled(plain) }, deploymentPaths...)
}

func TestWhatReachesUsOfAnOriginal(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	c.settled(d)
	set := func(values map[string]any) func() { return func() { c.patched(d, annotate(values)) } }
	counted(t, []step{
		{what: "the intent", reaches: true, write: set(asAny(good("traffic=grayscale", "weight=10")))},
		{what: "a new image", write: func() { c.patched(d, newImage) }},
		{what: "a restart", write: func() { c.patched(d, podNote) }},
		{what: "scale", write: func() { c.scaled(d, oneReplica) }},
		{what: "replicas", write: func() { c.patched(d, noReplica) }},
		{what: "status", write: func() { c.status(d, itsStatus) }},
		{what: "another's annotation", write: set(map[string]any{"a": "b"})},
		{what: "a label", write: func() { c.patched(d, metadata("labels", map[string]any{"a": "b"})) }},
		{what: "a pod label", reaches: true, write: func() { c.patched(d, podLabel) }},
		{what: "the chart's label", write: func() { c.patched(d, podChart) }},
		{what: "another chart", write: func() { c.patched(d, strings.Replace(podChart, "1.1", "1.0", 1)) }},
		{what: "no chart and no other label", reaches: true, write: func() {
			c.patched(d, `{"spec":{"template":{"metadata":{"labels":{"helm.sh/chart":null,"team":null}}}}}`)
		}},
		{what: "a weight", reaches: true, write: set(map[string]any{intent.KeyWeight: "20"})},
		{what: "back to the original", write: set(map[string]any{intent.KeyTraffic: "original"})},
		{what: "to the policy", reaches: true, write: set(map[string]any{intent.KeyTraffic: nil})},
		{what: "the original, with another's name", reaches: true, undone: true, write: set(map[string]any{intent.KeyTraffic: "original", intent.KeyBy: "joe"})},
		{what: "who it is by removed", reaches: true, undone: true, write: set(map[string]any{intent.KeyBy: nil})},
		{what: "back to the original and a weight", reaches: true, write: set(map[string]any{intent.KeyTraffic: "original", intent.KeyWeight: "30"})},
		{what: "the weight gone beside the original", write: set(map[string]any{intent.KeyWeight: nil})},
		{what: "the version gone beside it", reaches: true, write: set(map[string]any{intent.KeyVersion: nil, intent.KeyImage: "v2"})},
		{what: "cancel", write: set(map[string]any{intent.KeyEnd: "cancel"})},
		{what: "no cancel any more", reaches: true, write: set(map[string]any{intent.KeyEnd: nil})},
		{what: "finish after all", reaches: true, write: set(map[string]any{intent.KeyEnd: "finish", intent.KeyWeight: "30", intent.KeyAccept: "unrouted"})},
		{what: "cancel, and a risk taken back", reaches: true, write: set(map[string]any{intent.KeyEnd: "cancel", intent.KeyAccept: nil})},
		{what: "finish once more", reaches: true, write: set(map[string]any{intent.KeyEnd: "finish"})},
		{what: "cancel, and all else gone", write: set(map[string]any{intent.KeyEnd: "cancel", intent.KeyWeight: nil, intent.KeyTraffic: nil, intent.KeyImage: nil})},
		{what: "an image beside that", reaches: true, write: set(map[string]any{intent.KeyImage: "2.0", intent.KeyVersion: "v2"})},
		{what: "release removed", write: set(map[string]any{intent.KeyRelease: nil})},
		{what: "and taken up again", reaches: true, write: set(map[string]any{intent.KeyRelease: "reviews-v2", intent.KeyTraffic: nil, intent.KeyEnd: nil})},
		{what: "by status", reaches: true, write: func() { c.status(d, annotate(map[string]any{intent.KeyWeight: "40"})) }},
		{what: "rolled back", write: func() { c.patched(d, `{"metadata":{"annotations":null},`+newImage[1:]) }},
		{what: "an ordinary write after that", write: func() { c.patched(d, podLabel) }},
	}, func() { c.settled(d) }, deploymentPaths...)
}

func asAny(m map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range m {
		out[key] = value
	}
	return out
}

func TestWhatReachesUsOfAClone(t *testing.T) {
	c, ours := as(t, jane), as(t, we)
	service, d := c.service(), c.deployment(nil)
	c.made(d)
	c.claimed(service, d)
	c.settled(d)
	clone := c.clone()
	collector := as(t, "system:serviceaccount:kube-system:generic-garbage-collector")
	counted(t, []step{
		{what: "create", reaches: true, write: func() { ours.made(clone) }},
		{what: "scale", write: func() { c.scaled(clone, oneReplica) }},
		{what: "replicas", write: func() { c.patched(clone, noReplica) }},
		{what: "status", write: func() { c.status(clone, itsStatus) }},
		{what: "a label", write: func() { c.patched(clone, metadata("labels", map[string]any{"a": "b"})) }},
		{what: "a new image", reaches: true, write: func() { ours.patched(clone, newImage) }},
		{what: "the garbage collector", write: func() { collector.patched(clone, metadata("labels", map[string]any{intent.LabelOf: nil})) }},
		{what: "our labels gone", reaches: true, write: func() { ours.patched(clone, metadata("labels", map[string]any{intent.LabelTask: nil})) }},
		{what: "an ordinary write after that", write: func() { c.patched(clone, podNote) }},
	}, func() { c.settled(clone) }, deploymentPaths...)
}

func TestWhatReachesUsOfVirtualServices(t *testing.T) {
	c, ours := as(t, jane), as(t, we)
	plain, held := c.virtualService("plain", userRoute), c.virtualService("held", ourRoute, userRoute)
	odd := of(`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: odd, namespace: `+c.namespace+`}, spec: {hosts: [odd], http: [{redirect: {uri: /}}, {route: [{destination: {host: odd}}]}]}}`, nil)
	touch := annotate(map[string]any{"a": "b"})
	counted(t, []step{
		{what: "create", write: func() { c.made(plain, held, odd) }},
		{what: "an update without routes of ours", write: func() { c.patched(plain, touch) }},
		{what: "an update of other kinds of routes", write: func() { c.patched(odd, touch) }},
		{what: "an update with routes of ours", reaches: true, write: func() { c.patched(held, touch) }},
		{what: "an update by the controller", write: func() { ours.patched(held, annotate(map[string]any{"a": "c"})) }},
		{what: "an update in an older version of the API", reaches: true, write: func() {
			old := object("networking.istio.io/v1beta1", "VirtualService", c.namespace, "held")
			c.patched(old, annotate(map[string]any{"a": "d"}))
		}},
		{what: "delete", write: func() {
			for _, vs := range []*unstructured.Unstructured{plain, held, odd} {
				if err := c.Delete(c.Context(), vs); err != nil {
					c.Fatal(err)
				}
			}
		}},
	}, func() {}, webhook.PathMutateVirtualService)
}
