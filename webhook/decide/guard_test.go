package decide_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

func TestGuard(t *testing.T) {
	share := func(weights ...intent.Weight) (live []route.Live) {
		for _, w := range weights {
			live = append(live, route.Live{Weight: w, Min: w, Max: w, Routes: 1})
		}
		return live
	}
	rules := []route.Live{{Content: 2, Routes: 3}}
	copies := []route.Live{{Mirror: 1000, Routes: 1}}
	grayscale, old := cloned(t), original(t, good())
	renewed := original(t, good())
	if err := unstructured.SetNestedField(renewed.Object, "v2", "spec", "template", "metadata", "labels", "version"); err != nil {
		t.Fatal(err)
	}
	stranger := cloned(t)
	stranger.SetLabels(nil)
	anew := original(t, nil)
	anew.SetUID("another")
	cases := []struct {
		name       string
		deployment *unstructured.Unstructured
		live       []route.Live
		says       string // empty: it may go
	}{
		{"the grayscale version under a weight", grayscale, share(2500), "the grayscale version of release reviews-v2, which has 25 % of the traffic of Service shop/reviews"},
		{"under two weights", grayscale, share(1000, 2500), "up to 25 % of the traffic"},
		{"with a route that gives it nothing", grayscale, share(0, 2500), "up to 25 % of the traffic"},
		{"with everything", grayscale, share(10000, 10000), "all traffic"},
		{"with a rule", grayscale, rules, "the requests that its match rules take"},
		{"with copies", grayscale, copies, "copies of 10 % of the requests"},
		{"with nothing", grayscale, share(0), ""},
		{"without a route", grayscale, nil, ""},
		{"the original without a route", old, nil, "the original version of release reviews-v2, which has all traffic"},
		{"the original before a weight", old, share(0), "all traffic"},
		{"beside a weight", old, share(2500), "75 % of the traffic"},
		{"beside rules", old, rules, "all traffic but what match rules take"},
		{"beside copies", old, copies, "all traffic"},
		{"with a route that is left", old, share(10000, 4000), "60 % of the traffic"},
		{"after the take-over", old, share(10000), ""},
		{"after the take-over, renewed in place", renewed, share(10000), "a part of all traffic"},
		{"somebody else's of the clone's name", stranger, share(10000), ""},
		{"an original that was made anew", anew, nil, ""},
	}
	claim, ok := decide.ClaimsOf([]release.Service{service(t, "reviews", running())}).Named("reviews-v2")
	if !ok {
		t.Fatal("no claim of that clone")
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			loss := decide.Loss{Deployment: c.deployment, By: decide.ByDeletion, Original: old}
			v := decide.Guard(loss, claim, c.live)
			if c.says == "" {
				told(t, "faults", faults(v))
				return
			}
			told(t, "faults", faults(v), c.says)
			for _, part := range []string{"can't be deleted", "kubectl grayscale takeover reviews-v2", "kubectl grayscale cancel reviews-v2 -n shop", "grayscale.dev/accept: unprotected on Deployment shop/reviews-v1"} {
				if len(v.Faults) == 1 && !strings.Contains(v.Faults[0].Error(), part) {
					t.Errorf("does not say %q: %v", part, v.Faults[0])
				}
			}
			loss.By = decide.ByOwner
			told(t, "faults of an owner", faults(decide.Guard(loss, claim, c.live)), "can't be given a new owner, with which the garbage collector deletes it")
			loss.By, loss.Original = decide.ByScale, original(t, good("accept=undersized,unprotected"))
			v = decide.Guard(loss, claim, c.live)
			told(t, "faults where it is accepted", faults(v))
			told(t, "yields", v.Yields, c.says)
			if !strings.HasPrefix(v.Yields[0], "scales Deployment shop/") {
				t.Errorf("yields %q", v.Yields[0])
			}
		})
	}
}

// TestTheVersionThatStaysKeepsItsPods, from the moment at which a finish takes the original
// away until the release has ended, whatever routes of ours are left.
func TestTheVersionThatStaysKeepsItsPods(t *testing.T) {
	going, anew := original(t, good()), original(t, nil)
	now := metav1.Now()
	going.SetDeletionTimestamp(&now)
	anew.SetUID("another")
	finishing := func(s *release.Status) { s.Phase = release.Finishing }
	for _, c := range []struct {
		name     string
		status   *release.Status
		original *unstructured.Unstructured
		stays    bool
	}{
		{"the original is gone", running(finishing), nil, true},
		{"it goes", running(finishing), going, true},
		{"another one has its name", running(finishing), anew, true},
		{"it is gone from a finish in place", running(finishing, func(s *release.Status) { s.Finish = intent.InPlace }), nil, true},
		{"it is there", running(finishing), original(t, good()), false},
		{"it is gone before the finish", running(), nil, false},
	} {
		claim, _ := decide.ClaimsOf([]release.Service{service(t, "reviews", c.status)}).Named("reviews-v2")
		v := decide.Guard(decide.Loss{Deployment: cloned(t), By: decide.ByDeletion, Original: c.original}, claim, nil)
		if !c.stays {
			told(t, c.name, faults(v))
			continue
		}
		told(t, c.name, faults(v), "is the grayscale version of release reviews-v2, which has all traffic of Service shop/reviews")
		if right := v.Faults[0].Right; right != "let the release finish first (kubectl grayscale wait reviews-v2 --for end -n shop)" {
			t.Errorf("%s: says %q", c.name, right)
		}
	}
}

func TestGuardFindsTheClaim(t *testing.T) {
	broken := service(t, "ratings", nil)
	broken.Annotations[intent.AnnotationStatus] = "{"
	claims := decide.ClaimsOf([]release.Service{broken, service(t, "reviews", running())})
	for name, want := range map[string]bool{"reviews-v1": true, "reviews-v2": true, "reviews-v3": false, "": false} {
		if c, ok := claims.Named(name); ok != want || ok && c.Status.Task != "reviews-v2" {
			t.Errorf("%q: got %v, want %v", name, ok, want)
		}
	}
}

// TestLabelsYield: the guard of the split's labels lets through what the intent
// accepts as it stands after the write, and says so.
func TestLabelsYield(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	after := original(t, good("accept=unprotected"))
	if err := unstructured.SetNestedField(after.Object, "x", "spec", "template", "metadata", "labels", "app"); err != nil {
		t.Fatal(err)
	}
	v, _ := decide.Intent(write(original(t, good()), after), world(t, held, after))
	told(t, "faults", faults(v))
	told(t, "yields", v.Yields, "changes the pod labels app of Deployment shop/reviews-v1, which the routes of release reviews-v2 rely on")
	after.SetAnnotations(good())
	v, _ = decide.Intent(write(original(t, good("accept=unprotected")), after), world(t, held, after))
	told(t, "faults once it is taken back", faults(v), "accept the risk with grayscale.dev/accept: unprotected")
	told(t, "yields once it is taken back", v.Yields)
}

// TestASpentIntentIsStillARequest: its rights are in question, for the Service
// takes its history with it, and then the intent would start; and what another
// Service remembers makes none spent.
func TestASpentIntentIsStillARequest(t *testing.T) {
	pair := release.Pair("reviews-v2", "uid-reviews-v1")
	w := write(original(t, nil), original(t, good()))
	v, ask := decide.Intent(w, world(t, []release.Service{service(t, "reviews", nil, pair)}, original(t, nil)))
	told(t, "warnings", v.Warnings, "this intent does nothing")
	if ask == nil || ask.Spec == nil || ask.Mesh {
		t.Errorf("got %+v, want a question about rights alone", ask)
	}
	elsewhere := service(t, "ratings", nil, pair)
	elsewhere.Selector = map[string]string{"app": "ratings"}
	v, ask = decide.Intent(w, world(t, []release.Service{elsewhere, service(t, "reviews", nil)}, original(t, nil)))
	told(t, "warnings of another's history", v.Warnings)
	if ask == nil || !ask.Mesh {
		t.Errorf("got %+v, want all questions", ask)
	}
	v, ask = decide.Intent(write(original(t, nil), original(t, good("service=none"))), world(t, []release.Service{service(t, "reviews", nil, pair)}, original(t, nil)))
	told(t, "faults without a Service", faults(v), `"none" is not a Service`)
	if ask != nil {
		t.Errorf("got %+v, want no question", ask)
	}
}

// TestEveryChangeIsARequest: whoever changes what a release that runs is asked for,
// needs the rights; under another name, too.
func TestEveryChangeIsARequest(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	for name, c := range map[string]struct {
		after map[string]string
		asks  bool
	}{
		"replicas":     {good("replicas=3"), true},
		"a take-over":  {good("traffic=grayscale"), true},
		"a risk":       {good("accept=unprotected"), true},
		"another name": {keys("release=other", "image=3.0", "version=v3", "finish=replace"), true},
		"by":           {good("by=joe"), true},
		"nothing":      {good(), false},
		"removed":      {keys("image=2.0"), false},
	} {
		_, ask := decide.Intent(write(original(t, good()), original(t, c.after)), world(t, held, original(t, nil), cloned(t)))
		if (ask != nil) != c.asks {
			t.Errorf("%s: got %+v", name, ask)
		}
	}
}
