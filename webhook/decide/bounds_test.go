package decide_test

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// TestNobodyIsTheController who has no name.
func TestNobodyIsTheController(t *testing.T) {
	for user, ours := range map[string]bool{controller: true, jane: false, "": false} {
		for _, configured := range []string{controller, ""} {
			if got := (decide.Write{User: user, Controller: configured}).Ours(); got != (ours && configured != "") {
				t.Errorf("user %q, controller %q: got %v", user, configured, got)
			}
		}
	}
}

// TestTheCloneIsOfItsTask: a clone of the claimed name that says another release's is
// not the one that the claim names.
func TestTheCloneIsOfItsTask(t *testing.T) {
	after := cloned(t)
	after.SetLabels(map[string]string{intent.LabelTask: "reviews-v9", intent.LabelOf: "reviews-v1"})
	w := decide.Write{After: after, User: controller, Controller: controller}
	claims := decide.ClaimsOf([]release.Service{service(t, "reviews", running())})
	told(t, "faults", faults(decide.Clone(w, claims)), "is not the clone that a Service's claim names")
}

// TestTheGuardIsNotTalkedRound: a clone without our labels is one by its UID, another
// accepted risk is not this one, and no route that gives less hides one that gives more.
func TestTheGuardIsNotTalkedRound(t *testing.T) {
	claim, _ := decide.ClaimsOf([]release.Service{service(t, "reviews", running(func(s *release.Status) { s.Grayscale.UID = "uid-reviews-v2" }))}).Named("reviews-v2")
	bare := cloned(t)
	bare.SetLabels(nil)
	live := []route.Live{{Min: 2500, Max: 2500, Routes: 1}, {Routes: 1}}
	for name, d := range map[string]*unstructured.Unstructured{"without labels": bare, "with them": cloned(t)} {
		v := decide.Guard(decide.Loss{Deployment: d, By: decide.ByScale, Original: original(t, good("accept=undersized,managed"))}, claim, live)
		told(t, "faults of a clone "+name, faults(v), "up to 25 % of the traffic")
		told(t, "yields of a clone "+name, v.Yields)
	}
}

// TestNothingArrivesUnawaited: the version label of the original stays while the release
// does not wait for a commit, and the label by which the Service finds the pods always.
func TestNothingArrivesUnawaited(t *testing.T) {
	for reason, want := range map[string][]string{
		release.ReasonWaitingForSource: nil,
		release.ReasonAsExpected:       {`"version=v2" is a pod label that the routes`},
	} {
		held := []release.Service{service(t, "reviews", running(func(s *release.Status) {
			s.Finish, s.Original.Labels = intent.InPlace, map[string]string{"version": "v1"}
			s.SetCondition(release.Progressing, true, reason, "", time.Unix(0, 0))
		}))}
		after := other(t, "reviews-v1", "v2")
		container := map[string]any{"name": "reviews", "image": "shop/reviews:2.0"}
		if err := unstructured.SetNestedSlice(after.Object, []any{container}, "spec", "template", "spec", "containers"); err != nil {
			t.Fatal(err)
		}
		v, _ := decide.Intent(write(original(t, nil), after), world(t, held, after))
		told(t, "faults where the reason is "+reason, faults(v), want...)
		if err := unstructured.SetNestedField(after.Object, "x", "spec", "template", "metadata", "labels", "app"); err != nil {
			t.Fatal(err)
		}
		v, _ = decide.Intent(write(original(t, nil), after), world(t, held, after))
		told(t, "faults with the Service's label where the reason is "+reason, faults(v), append([]string{`"app=x" is a pod label that the routes`}, want...)...)
	}
}

// TestTooFewAtTheStart: a release that would take over at once with fewer replicas than
// the original has, is refused.
func TestTooFewAtTheStart(t *testing.T) {
	free := []release.Service{service(t, "reviews", nil)}
	for accept, want := range map[string][]string{"accept=managed": {"is too few for a take-over"}, "accept=undersized": nil} {
		v, _ := decide.Intent(write(original(t, nil), original(t, good("replicas=1", "traffic=grayscale", accept))), world(t, free, original(t, nil)))
		told(t, "faults with "+accept, faults(v), want...)
	}
}

// TestWhatTheMeshIsAskedMidWay: whether routes can say it, for other routes alone; who
// would undo the end, where the end is asked for.
func TestWhatTheMeshIsAskedMidWay(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	for name, c := range map[string]struct {
		after        map[string]string
		mesh, routes bool
	}{
		"a weight": {good("weight=30"), true, true},
		"rules":    {good("match=[{cookie: {name: a, exact: b}}]"), true, true},
		"a mirror": {good("mirror=10"), true, true},
		"the end":  {good("end=finish"), true, false},
		"replicas": {good("replicas=9"), false, false},
	} {
		_, ask := decide.Intent(write(original(t, good()), original(t, c.after)), world(t, held, original(t, nil), cloned(t)))
		if ask == nil || ask.Mesh != c.mesh || ask.Routes != c.routes {
			t.Errorf("%s: got %+v, want mesh %v, routes %v", name, ask, c.mesh, c.routes)
		}
	}
}

// TestPutBackKeepsTheNote: the rules that stand beside our routes come back with them.
func TestPutBackKeepsTheNote(t *testing.T) {
	ruled := splits()
	ruled[0].Match = []content.Rule{{Headers: map[string]content.Match{"team": {Kind: content.Exact, Value: "a"}}}}
	plain := read(t, `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews, namespace: shop}, spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}}`)
	applied, err := route.Apply(plain, ruled)
	if err != nil {
		t.Fatal(err)
	}
	rules := applied.GetAnnotations()[intent.AnnotationRules]
	if rules == "" {
		t.Fatal("there is no note")
	}
	for name, c := range map[string]struct {
		annotations map[string]string
		path        string
		value       any
	}{
		"no annotation left": {nil, "/metadata/annotations", map[string]any{intent.AnnotationRules: rules}},
		"others left":        {map[string]string{"a": "b"}, "/metadata/annotations/grayscale.dev~1rules", rules},
		"another note":       {map[string]string{intent.AnnotationRules: "[]"}, "/metadata/annotations/grayscale.dev~1rules", rules},
	} {
		vs := plain.DeepCopy()
		vs.SetAnnotations(c.annotations)
		operations, err := decide.PutBack(vs, ruled)
		if err != nil || len(operations) != 2 {
			t.Fatalf("%s: got %v, %v, want the routes and the note", name, operations, err)
		}
		want := decide.Operation{Op: "add", Path: c.path, Value: c.value}
		if !reflect.DeepEqual(operations[1], want) {
			t.Errorf("%s: got %+v, want %+v", name, operations[1], want)
		}
	}
}

// TestATakenLabelIsAChange: a label that the routes rely on is not taken off, either.
func TestATakenLabelIsAChange(t *testing.T) {
	held := []release.Service{service(t, "reviews", running())}
	for _, key := range []string{"version", "app"} {
		after := original(t, good())
		unstructured.RemoveNestedField(after.Object, "spec", "template", "metadata", "labels", key)
		v, _ := decide.Intent(write(original(t, good()), after), world(t, held, after))
		told(t, "faults without the label "+key, faults(v), `"`+key+`=" is a pod label that the routes`)
	}
}
