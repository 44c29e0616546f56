package decide_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func TestIntent(t *testing.T) {
	free := []release.Service{service(t, "reviews", nil)}
	held := []release.Service{service(t, "reviews", running())}
	foreign := []release.Service{service(t, "reviews", running(func(s *release.Status) {
		s.Task, s.Original.Name, s.Original.UID = "other-task", "reviews-v0", "uid-reviews-v0"
	}))}
	cancelling := []release.Service{service(t, "reviews", running(func(s *release.Status) { s.Phase = release.Cancelling }))}
	finishing := []release.Service{service(t, "reviews", running(func(s *release.Status) { s.Phase = release.Finishing }))}
	ended := []release.Service{service(t, "reviews", running(func(s *release.Status) { s.Phase = release.Finished }))}
	waiting := []release.Service{service(t, "reviews", running(func(s *release.Status) {
		s.Original.Images = map[string]string{"reviews": "shop/reviews:1.0", "wait": "busybox:1.36"}
	}))}
	publishes := service(t, "reviews", nil)
	publishes.PublishesUnready = true
	broken := service(t, "reviews", nil)
	broken.Annotations[intent.AnnotationStatus] = `{"schema": 7}`
	crowded := []release.Service{service(t, "reviews", running(func(s *release.Status) {
		s.Original.Images = map[string]string{"reviews": "shop/reviews:1.0", "proxy": strings.Repeat("x", 4000) + ":1"}
	}))}

	cases := []struct {
		name          string
		before, after map[string]string // before nil: created
		services      []release.Service
		more          []*unstructured.Unstructured
		faults        []string
		warnings      []string
		starts        bool
	}{
		{name: "a good one starts", before: keys(), after: good(), services: free, starts: true},
		{name: "created with one", after: good(), services: free, starts: true},
		{name: "an ended release holds nothing", before: keys(), after: good(), services: ended, starts: true},
		{
			name: "all faults at once", before: keys(), services: free, starts: true,
			after:  keys("release=abc", "image=1.0", "weight=101", "wait=yes", "version=v1", "finish=replace", "replicas=0"),
			faults: []string{`/wait: "yes" is not a key`, `/release: "abc" is not a task name`, `/replicas: "0"`, `/weight: "101"`, `/image: "1.0" is the image that runs`, `/version: "v1" is the version of the original`},
		},
		{
			name: "a patch that does not fit", before: keys(), after: good("patch={spec: {containers: [{name: nope}]}}"), services: free, starts: true,
			faults: []string{`adds "nope" to spec.containers without an image; those that exist: reviews`},
		},
		{
			name: "a patch that changes nothing", before: keys(), after: good("patch={spec: {volumes: []}}"), services: free, starts: true,
			faults: []string{"it is like that already"},
		},
		{
			name: "a bad patch says no more than that", before: keys(), services: free, starts: true,
			after:  keys("release=reviews-v2", "version=v2", "finish=replace", "patch=[]"),
			faults: []string{"is not a YAML object"},
		},
		{
			name: "a patch of labels says no more than that", before: keys(), services: free, starts: true,
			after:  keys("release=reviews-v2", "version=v2", "finish=replace", "patch={metadata: {labels: {a: b}}}"),
			faults: []string{"changes the pods' labels"},
		},
		{
			name: "a Service that publishes what is not ready", before: keys(), after: good(), services: []release.Service{publishes}, starts: true,
			warnings: []string{"Service shop/reviews has publishNotReadyAddresses: Envoy does not fail over there"},
		},
		{name: "no service", before: keys(), after: good(), faults: []string{"no Service selects the pods"}},
		{
			name: "two services", before: keys(), after: good(), services: append(free, service(t, "ratings", nil)),
			faults: []string{"write one of ratings, reviews"},
		},
		{
			name: "a bad version says no more than that", before: keys(), after: keys("release=reviews-v2", "image=2.0", "version=-v2", "finish=replace", "name=good"), services: free,
			faults: []string{`/version: "-v2" is not a label value`}, starts: true,
		},
		{
			name: "a version with underscores", before: keys(), after: keys("release=reviews-v2", "image=2.0", "version=1.2.0_rc1", "finish=replace"),
			services: free, starts: true,
		},
		{
			name: "keys without a release", before: keys(), after: keys("weight=10"), services: free,
			warnings: []string{"has no annotation grayscale.dev/release"},
		},
		{name: "bad keys without a release", before: keys(), after: keys("weight=x"), services: free, faults: []string{`/weight: "x"`}, warnings: []string{"start nothing"}},
		{name: "nothing of ours changed", before: keys("release=x"), after: keys("release=x"), services: free},
		{name: "only by changed", before: good("by=joe"), after: good("by=jane"), services: free},
		{
			name: "held by another", before: keys(), after: good(), services: foreign, starts: true,
			faults: []string{"Service shop/reviews is held by release other-task of Deployment reviews-v0 in namespace shop"},
		},
		{
			name: "held by nobody knows whom", before: keys(), after: good(), services: []release.Service{broken}, starts: true,
			faults: []string{"schema 7"},
		},
		{
			name: "the name is taken", before: keys(), starts: true,
			after: keys("release=other-task", "image=2.0", "version=v2", "finish=replace", "service=reviews"),
			services: []release.Service{service(t, "reviews", nil), service(t, "ratings", running(func(s *release.Status) {
				s.Task, s.Clone, s.Original.UID, s.Service.UID = "other-task", "ratings-v2", "x", "uid-ratings"
			}))},
			faults: []string{`/release: "other-task" is the name of a running release: Service shop/ratings`},
		},
		{
			name: "the clone's name is another release's", before: keys(), after: good("service=reviews"), starts: true,
			services: []release.Service{service(t, "reviews", nil), service(t, "ratings", running(func(s *release.Status) {
				s.Task, s.Clone, s.Original.UID, s.Service.UID = "other-task", "reviews-v2", "x", "uid-ratings"
			}))},
			faults: []string{`/name: "reviews-v2" is the clone's name of release other-task of Service shop/ratings`},
		},
		{
			name: "spent", before: keys(), after: good(), warnings: []string{"this intent does nothing"},
			services: []release.Service{service(t, "reviews", nil, release.Pair("reviews-v2", "uid-reviews-v1"))},
		},
		{
			name: "spent by another Deployment", before: keys(), after: good(), starts: true,
			services: []release.Service{service(t, "reviews", nil, release.Pair("reviews-v2", "uid-reviews-v0"))},
		},
		{name: "a policy step", before: good(), after: good("weight=10"), services: held, more: []*unstructured.Unstructured{cloned(t)}},
		{
			name: "rules that have no room in the status, mid-way", before: good(), after: good("match=- headers: {a: {exact: " + strings.Repeat("y", 3000) + "}}"), services: crowded,
			faults: []string{"bytes of the release's status, and "},
		},
		{name: "no rules beside the same", before: good(), after: good("weight=10"), services: crowded},
		{
			name: "what is fixed", before: good(), after: keys("release=reviews-v2", "image=3.0", "version=v3", "finish=replace"), services: held,
			faults: []string{`/version: "v3" is fixed while release reviews-v2 runs (it is "v2")`, `/image: "3.0" is fixed`},
		},
		{
			name: "what is fixed, after it was let go", before: keys(), after: keys("release=reviews-v2", "image=3.0", "version=v3", "finish=replace", "name=x"), services: held,
			faults: []string{`/version: "v3"`, `/name: "x"`, `/image: "3.0"`},
		},
		{
			name: "what is fixed, written down", before: keys("release=reviews-v2", "image=2.0"), services: held,
			after: good("form=canary", "service=reviews", "name=reviews-v2", "image=shop/reviews:2.0"),
		},
		{
			name: "what is fixed, taken back", before: good("service=reviews", "form=canary", "name=reviews-v2"), after: keys("release=reviews-v2"), services: held,
			faults: []string{`/version is fixed`, `/image is fixed while release reviews-v2 runs (it is "[reviews:shop/reviews:2.0]")`, `/finish`, `/service`},
		},
		{name: "a policy step, where a tag was for the one container that is no init container", before: good(), after: good("weight=10"), services: waiting},
		{name: "the original's image, mid-way", before: good(), after: good("image=1.0"), services: held, faults: []string{`/image: "1.0" is fixed`}},
		{name: "another form and a patch, mid-way", before: good(), after: good("form=blue-green", "patch={spec: {hostNetwork: true}}"), services: held, faults: []string{`/form: "blue-green" is fixed while release reviews-v2 runs (it is "canary")`, `/patch`}},
		{name: "let go and taken up again", before: keys(), after: good(), services: held},
		{
			name: "on its way out", before: good(), after: good("weight=10"), services: finishing,
			warnings: []string{"release reviews-v2 is finishing already"},
		},
		{name: "cancelled, and taken up again", before: keys(), after: good("weight=10"), services: cancelling},
		{
			name: "another name", before: good(), after: keys("release=reviews-v2b", "image=2.1", "version=v2", "finish=replace"), services: held,
			more: []*unstructured.Unstructured{cloned(t)}, warnings: []string{"release reviews-v2 of Deployment shop/reviews-v1 is cancelled first"},
		},
		{
			name: "another name with the old end", before: good("end=cancel"), after: keys("release=reviews-v2b", "image=2.1", "version=v2", "finish=replace", "end=cancel"), services: held,
			faults: []string{`/end: "cancel" is left over`}, warnings: []string{"cancelled first"},
		},
		{
			name: "another name in two writes with the old end", before: keys("image=2.0", "end=finish"), services: held,
			after:  keys("release=reviews-v2b", "image=2.1", "version=v2", "finish=replace", "end=finish"),
			faults: []string{`/end: "finish" is left over from release reviews-v2`}, warnings: []string{"cancelled first"},
		},
		{
			name: "another name in two writes, after the last one is gone", before: keys("traffic=grayscale", "end=finish"), services: free, starts: true,
			after:  good("traffic=grayscale", "end=finish"),
			faults: []string{`/end: "finish" is left over from an earlier release`, `/traffic: "grayscale" is left over from an earlier release`},
		},
		{name: "let go and taken up again, with its end", before: keys("end=finish"), after: good("end=finish"), services: held},
		{
			name: "too few for a share", before: good(), after: good("weight=50", "replicas=1"), services: held,
			warnings: []string{"1 is less than the 2 replicas that 50 %"},
		},
		{
			name: "too few to take over", before: good("replicas=1"), after: good("traffic=grayscale", "replicas=1"), services: held,
			faults: []string{`/replicas: "1" is too few for a take-over`},
		},
		{
			name: "too few for a weight of 100", before: good("replicas=1"), after: good("weight=100", "replicas=1"), services: held,
			faults: []string{`/replicas: "1" is too few for a take-over (grayscale.dev/weight)`},
		},
		{name: "too few for a weight of 100, accepted", before: good(), after: good("weight=100", "replicas=1", "accept=undersized"), services: held},
		{name: "too few for a weight of 100 that is not asked for", before: good(), after: good("weight=100", "traffic=original", "replicas=1"), services: held},
		{
			name: "too few to finish", before: good("weight=100", "replicas=3"), after: good("weight=100", "end=finish", "replicas=3"), services: held,
			faults: []string{`/replicas: "3" is too few for a finish`},
		},
		{name: "too few, accepted", before: good(), after: good("traffic=grayscale", "replicas=1", "accept=undersized"), services: held},
		{name: "enough", before: good(), after: good("traffic=grayscale", "replicas=4"), services: held},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before *unstructured.Unstructured
			if c.before != nil {
				before = original(t, c.before)
			}
			after := original(t, c.after)
			v, ask := decide.Intent(write(before, after), world(t, c.services, append(c.more, after)...))
			told(t, "faults", faults(v), c.faults...)
			told(t, "warnings", v.Warnings, c.warnings...)
			if starts := ask != nil && ask.Spec != nil && ask.Mesh; starts != c.starts {
				t.Errorf("starts a release whose Service is known: got %v, want %v", starts, c.starts)
			}
		})
	}
}

func TestAManagedOriginalIsNotReplaced(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	managed := func(keys map[string]string) *unstructured.Unstructured {
		keys["meta.helm.sh/release-name"] = "shop"
		return original(t, keys)
	}
	v, _ := decide.Intent(write(original(t, nil), managed(good())), world(t, []release.Service{service(t, "reviews", nil)}, original(t, nil)))
	told(t, "faults at the start", faults(v))
	told(t, "warnings at the start", v.Warnings, "Helm manages")
	v, _ = decide.Intent(write(managed(good("weight=100")), managed(good("weight=100", "end=finish"))), world(t, held, original(t, nil)))
	told(t, "faults at the end", faults(v), `/end: "finish" by replace deletes the original, which Helm manages`)
}

func TestLabelsOfTheSplitStay(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	cases := []struct {
		name, key, value string
		ours             bool
		services         []release.Service
		faults           []string
	}{
		{name: "the version", key: "version", value: "v9", services: held, faults: []string{`"version=v9" is a pod label that the routes of release reviews-v2 rely on (it was "v1")`}},
		{name: "the Service's", key: "app", value: "x", services: held, faults: []string{`"app=x"`}},
		{name: "any other", key: "team", value: "x", services: held},
		{name: "without a release", key: "version", value: "v9", services: []release.Service{service(t, "reviews", nil)}},
		{name: "the controller", key: "version", value: "v9", services: held, ours: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			after := original(t, good())
			if err := unstructured.SetNestedField(after.Object, c.value, "spec", "template", "metadata", "labels", c.key); err != nil {
				t.Fatal(err)
			}
			w := write(original(t, good()), after)
			if c.ours {
				w.User = controller
			}
			v, _ := decide.Intent(w, world(t, c.services, after))
			told(t, "faults", faults(v), c.faults...)
		})
	}
}

// TestTheCommitThatIsWaitedForArrives: with the grayscale version's label comes all
// else that makes it, in the words in which the API server stores that.
func TestTheCommitThatIsWaitedForArrives(t *testing.T) {
	held := []release.Service{service(t, "reviews", running(func(s *release.Status) {
		s.Finish, s.Original.Labels = intent.InPlace, map[string]string{"version": "v1"}
		s.Grayscale.Patch = `{spec: {containers: [{name: reviews, resources: {requests: {cpu: 0.5}}}]}}`
		s.SetCondition(release.Progressing, true, release.ReasonWaitingForSource, "Helm manages the original", time.Unix(0, 0))
	}))}
	for cpu, want := range map[string][]string{"500m": nil, "50m": {`"version=v2" is a pod label that the routes`}} {
		after := other(t, "reviews-v1", "v2")
		container := map[string]any{"name": "reviews", "image": "shop/reviews:2.0", "resources": map[string]any{"requests": map[string]any{"cpu": cpu}}}
		if err := unstructured.SetNestedSlice(after.Object, []any{container}, "spec", "template", "spec", "containers"); err != nil {
			t.Fatal(err)
		}
		v, _ := decide.Intent(write(original(t, nil), after), world(t, held, after))
		told(t, "faults with cpu "+cpu, faults(v), want...)
	}
}
