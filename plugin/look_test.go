package plugin

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// crowd is a namespace with one of everything: ratings runs, reviews is asked
// for, details has ended, and twice is asked for by two Deployments.
func crowd(t *testing.T) world {
	ratings, ratingsV1 := service("ratings", map[string]string{"app": "ratings"}), deployment("ratings-v1", "v1", map[string]string{"release": "ratings-v2"})
	details, detailsV1 := service("details", map[string]string{"app": "details"}), deployment("details-v1", "v1", nil)
	others, othersV1 := service("others", map[string]string{"app": "others"}), deployment("others-v1", "v1", nil)
	return newWorld(t,
		claimed(ratings, ratingsV1, "ratings-v2", release.Routing, release.Policy{Weight: 500}), ratingsV1,
		reviews, deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "image": "v2"}),
		past(details, detailsV1, "details-v2", "details-v3", "shared"), detailsV1,
		past(others, othersV1, "shared"), othersV1,
		deployment("a-v1", "v1", map[string]string{"release": "twice"}), deployment("b-v1", "v1", map[string]string{"release": "twice"}),
	)
}

func TestFind(t *testing.T) {
	w := crowd(t)
	for arg, want := range map[string]string{
		"ratings-v2": "ratings-v2", "svc/ratings": "ratings-v2", "deploy/ratings-v1": "ratings-v2", "Deployment/ratings-v2": "ratings-v2",
		"reviews-v2": "reviews-v2", "service/reviews": "reviews-v2", "deployments/reviews-v1": "reviews-v2",
		"details-v2": "details-v2", "svc/details": "shared", "deploy/details-v1": "shared", "deploy/a-v1": "twice",
	} {
		if stdout, stderr, code := w.run("status", arg, "-o", "name"); code != exitDone || strings.TrimSpace(stdout) != want {
			t.Errorf("%s is %q, want %s (exit status %d, %s)", arg, stdout, want, code, stderr)
		}
	}
	w.fails(exitFailed, []string{"no such release in namespace shop; what runs there: ratings-v2, reviews-v2, twice"}, "status", "nope")
	w.fails(exitFailed, []string{"2 releases in namespace shop go by that: deploy/a-v1, deploy/b-v1"}, "status", "twice")
	w.fails(exitFailed, []string{"releases of several Services", "svc/details", "svc/others"}, "status", "shared")
	w.fails(exitUsage, []string{"a release is no pod"}, "status", "pod/x")
	w.fails(exitUsage, []string{"names nothing"}, "status", "svc/")
	newWorld(t).fails(exitFailed, []string{"no such release in namespace shop, where none runs"}, "cancel", "nope")
}

func TestClaimOfAnotherUID(t *testing.T) {
	restored := claimed(reviews, reviewsV1, "reviews-v2", release.Routing, release.Policy{})
	restored.SetUID("made-anew")
	newWorld(t, restored, reviewsV1).fails(exitFailed, []string{"where none runs"}, "status", "reviews-v2")
}

func TestBrokenClaim(t *testing.T) {
	broken := annotated(reviews, "grayscale.dev/status", map[string]any{"schema": 99})
	w := newWorld(t, broken, reviewsV1)
	w.fails(exitFailed, []string{"schema 99"}, "status", "svc/reviews")
	w.ok("list")
}

func TestStatusJSON(t *testing.T) {
	stdout, stderr, code := crowd(t).run("status", "ratings-v2", "-o", "json")
	var got release.Status
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitDone {
		t.Fatalf("exit status %d, %v: %s%s", code, err, stdout, stderr)
	}
	if got.Task != "ratings-v2" || got.Service.Name != "ratings" || got.Original.Version != "v1" {
		t.Errorf("the status is %+v", got)
	}
}

func TestList(t *testing.T) {
	w := crowd(t)
	stdout, _, _ := w.run("list")
	for _, line := range []string{"TASK", "ratings-v2   ratings", "reviews-v2   reviews", "Asked", "the controller is down"} {
		if !strings.Contains(stdout, line) {
			t.Errorf("the list lacks %q:\n%s", line, stdout)
		}
	}
	if stdout, _, _ := w.run("list", "-o", "name"); stdout != "ratings-v2\nreviews-v2\ntwice\ntwice\n" {
		t.Errorf("the names are %q", stdout)
	}
	var got struct{ Items []map[string]any }
	if stdout, _, _ := w.run("list", "-A", "-o", "json"); json.Unmarshal([]byte(stdout), &got) != nil || got.Items[0]["namespace"] != "shop" || got.Items[0]["task"] != "ratings-v2" {
		t.Errorf("the JSON is %s", stdout)
	}
	if stdout, stderr, code := newWorld(t).run("list"); stdout != "" || code != exitDone || !strings.Contains(stderr, "No release runs in namespace shop") {
		t.Errorf("an empty list says %q %q", stdout, stderr)
	}
}

func TestServices(t *testing.T) {
	headless := service("headless", map[string]string{"app": "details"})
	headless.Object["spec"].(map[string]any)["clusterIP"] = "None"
	ratings, ratingsV1 := service("ratings", map[string]string{"app": "ratings"}), deployment("ratings-v1", "v1", nil)
	w := newWorld(t, reviews, reviewsV1, service("empty", map[string]string{"app": "empty"}), headless, deployment("details-v1", "v1", nil),
		claimed(ratings, ratingsV1, "ratings-v2", release.Routing, release.Policy{}), ratingsV1)
	stdout, _, _ := w.run("services", "-o", "json")
	var got struct{ Items []standing }
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	want := map[string]string{"empty": unfit, "headless": unfit, "ratings": busy, "reviews": free}
	for _, s := range got.Items {
		if s.State != want[s.Name] {
			t.Errorf("Service %s is %s, want %s (%s)", s.Name, s.State, want[s.Name], s.Why)
		}
		if s.State == unfit && len(s.Why) == 0 || s.State == busy && s.Task == "" {
			t.Errorf("Service %s: nothing says why: %+v", s.Name, s)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if stdout, _, _ := w.run("services", "-o", "name"); stdout != "service/reviews\n" {
		t.Errorf("what can be released is %q", stdout)
	}
}

func TestRenderAndDiff(t *testing.T) {
	w := newWorld(t, reviews, deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "image": "v2", "weight": "10", "finish": "replace"}))
	stdout, stderr, code := w.run("render", "reviews-v2")
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	for _, text := range []string{"kind: DestinationRule", "kind: VirtualService", "kind: Deployment", "weight: 1000", "name: reviews-v2"} {
		if !strings.Contains(stdout, text) {
			t.Errorf("render lacks %q:\n%s", text, stdout)
		}
	}
	diff, stderr, code := w.run("diff", "reviews-v2")
	if code != exitFailed || stderr != "" || !strings.Contains(diff, "+++ release/shop/deployment.apps/reviews-v2") {
		t.Errorf("diff: exit status %d, %s%s", code, diff, stderr)
	}
	w.fails(exitUsage, []string{"no such release"}, "diff", "nope")
	w.fails(exitUsage, []string{"TASK (or -f FILE) is missing"}, "render")
	w.fails(exitUsage, []string{"not both"}, "render", "reviews-v2", "-f", "x")

	objects, err := NewEnv("", quiet).readFile(written(t, stdout))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range objects {
		if err := w.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRenderPolicies: what is rendered is what the policy comes to.
func TestRenderPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		ours map[string]string
		says []string
	}{
		"rules":      {map[string]string{"image": "v2", "match": "- headers: {end-user: {exact: jason}}", "weight": "10"}, []string{"exact: jason", "weight: 1000"}},
		"mirror":     {map[string]string{"image": "v2", "mirror": "5.5"}, []string{"subset: grayscale-mirror", "value: 5.5"}},
		"patch":      {map[string]string{"version": "v9", "patch": "spec: {containers: [{name: reviews, env: [{name: LEVEL, value: debug}]}]}"}, []string{"value: debug", "name: reviews-v9", "image: example.com/reviews:v1"}},
		"blue-green": {map[string]string{"image": "v2", "form": "blue-green", "traffic": "grayscale"}, []string{"replicas: 3", "subset: grayscale-version"}},
	} {
		t.Run(name, func(t *testing.T) {
			ours := map[string]string{"release": "reviews-v2"}
			maps.Copy(ours, c.ours)
			w := newWorld(t, reviews, deployment("reviews-v1", "v1", ours))
			stdout, _, _ := w.run("render", "reviews-v2")
			diff, _, code := w.run("diff", "reviews-v2")
			for _, text := range c.says {
				if !strings.Contains(stdout, text) || !strings.Contains(diff, text) || code != exitFailed {
					t.Errorf("render or diff (exit status %d) lacks %q:\n%s\n%s", code, text, stdout, diff)
				}
			}
		})
	}
}

func TestRenderFiles(t *testing.T) {
	d := deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "image": "v2", "weight": "10", "finish": "replace"})
	text, err := toYAML([]*unstructured.Unstructured{reviews, d})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t) // which holds nothing
	stdout, stderr, code := w.run("render", "-f", written(t, text))
	if code != exitDone || !strings.Contains(stdout, "weight: 1000") {
		t.Errorf("exit status %d: %s%s", code, stdout, stderr)
	}
	var bareFiles []string
	for _, u := range []*unstructured.Unstructured{reviews, d} { // in no namespace of their own they are in that of -n
		u = u.DeepCopy()
		u.SetNamespace("")
		if text, err = toYAML([]*unstructured.Unstructured{u}); err != nil {
			t.Fatal(err)
		}
		bareFiles = append(bareFiles, "-f", written(t, text))
	}
	stdout, stderr, code = w.run(append([]string{"render"}, bareFiles...)...)
	if code != exitDone || !strings.Contains(stdout, "namespace: shop") || strings.Contains(stdout, "namespace: default") {
		t.Errorf("exit status %d: %s%s", code, stdout, stderr)
	}
	w.fails(exitFailed, []string{"lacks kind or apiVersion"}, "render", "-f", written(t, "a: 1"))
	w.fails(exitFailed, []string{"no Deployment in the files asks for a release"}, "render", "-f", written(t, "kind: Service\napiVersion: v1\nmetadata: {name: a}"))
	w.fails(exitFailed, []string{"no such file"}, "render", "-f", "/nonexistent")
}

func TestCompletion(t *testing.T) {
	w := crowd(t)
	stdout, _, _ := w.run("__complete", "-n", "shop", "status", "")
	if !strings.Contains(stdout, "ratings-v2\tRouting, Service ratings") {
		t.Errorf("status completes to %s", stdout)
	}
	for shell := range shells {
		if stdout, _, code := w.run("completion", shell); code != exitDone || stdout == "" {
			t.Errorf("no script for %s", shell)
		}
	}
	w.fails(exitUsage, []string{"bash, zsh, fish or powershell"}, "completion", "tcsh")
}

func TestUsage(t *testing.T) {
	w := newWorld(t)
	w.fails(exitUsage, []string{`"polcy" is not a verb of kubectl grayscale; did you mean policy?`, "See 'kubectl grayscale --help'"}, "polcy")
	w.fails(exitUsage, []string{"unknown flag: --wieght; did you mean --weight?"}, "policy", "x", "--wieght", "1")
	w.fails(exitUsage, []string{"--for is missing"}, "wait", "x")
	for _, verb := range []string{"create", "policy", "takeover", "finish", "cancel", "status", "list", "wait", "services", "render", "diff", "install", "uninstall", "version", "completion"} {
		stdout, _, code := w.run(verb, "--help")
		if code != exitDone || !strings.Contains(stdout, "kubectl grayscale "+verb) || strings.Contains(stdout, "[=") {
			t.Errorf("the help of %s is\n%s", verb, stdout)
		}
	}
}

func TestCodes(t *testing.T) {
	for want, err := range map[int]error{
		exitDone: nil, exitFailed: errors.New("x"), exitUsage: usage("x"), exitTimeout: coded{exitTimeout, nil},
	} {
		if got := codeOf(err); got != want {
			t.Errorf("%v ends with %d, want %d", err, got, want)
		}
	}
}

func TestGoals(t *testing.T) {
	r := func(phase release.Phase, ended bool) view.Release {
		s := &release.Status{Task: "task", Phase: phase}
		s.SetCondition(release.Routed, true, release.ReasonDelivered, "", noon)
		s.SetCondition(release.Progressing, false, release.ReasonSettled, "", noon)
		return view.Release{Namespace: "shop", Status: s, Claimed: !ended, Ended: ended, Current: true}
	}
	all := []release.Phase{release.Pending, release.Starting, release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished, release.Cancelling, release.Cancelled, release.Rejected}
	for _, c := range []struct {
		goal          goal
		reached, lost []release.Phase
	}{
		{untilReady, []release.Phase{release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished}, []release.Phase{release.Cancelling, release.Cancelled, release.Rejected}},
		{untilPolicy, []release.Phase{release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Finished}, []release.Phase{release.Cancelling, release.Cancelled, release.Rejected}},
		{untilTakenOver, []release.Phase{release.TakenOver, release.Finishing, release.Finished}, []release.Phase{release.Cancelling, release.Cancelled, release.Rejected}},
		{untilOriginal, []release.Phase{release.Ready}, []release.Phase{release.Cancelling, release.Cancelled, release.Rejected}},
		{untilEnd, []release.Phase{release.Finished, release.Cancelled}, []release.Phase{release.Rejected}},
		{untilFinished, []release.Phase{release.Finished}, []release.Phase{release.Cancelled, release.Rejected}},
		{untilCancelled, []release.Phase{release.Cancelled}, []release.Phase{release.Finished, release.Rejected}},
	} {
		for _, phase := range all {
			reached, err := c.goal.reached(r(phase, phase.Ended()))
			if reached != slices.Contains(c.reached, phase) || (err != nil) != slices.Contains(c.lost, phase) {
				t.Errorf("%s in phase %s: reached %v, %v", c.goal.name, phase, reached, err)
			}
		}
	}
	stale := r(release.Routing, false)
	stale.Current = false
	if reached, _ := untilPolicy.reached(stale); reached {
		t.Error("a policy counts as delivered that was asked before the last write")
	}
	moving := r(release.Routing, false)
	moving.Status.SetCondition(release.Progressing, true, release.ReasonPropagating, "", noon)
	if reached, _ := untilPolicy.reached(moving); reached {
		t.Error("a policy counts as delivered while it propagates")
	}
}

// TestHeldGoals: what waits for a risk to be accepted is not waited for.
func TestHeldGoals(t *testing.T) {
	for reason, risk := range map[string]string{release.ReasonManaged: "managed", release.ReasonUndersized: "undersized", release.ReasonUnrouted: "unrouted"} {
		s := &release.Status{Task: "task", Phase: release.TakenOver, Policy: release.Policy{Traffic: "grayscale", End: "finish"}}
		s.SetCondition(release.Progressing, true, reason, "it is held", noon)
		r := view.Release{Namespace: "shop", Status: s, Claimed: true, Current: true}
		done, err := untilFinished.reached(r)
		if done || err == nil || codeOf(err) != exitFailed || !strings.Contains(err.Error(), "finish task --accept "+risk+": it is held") {
			t.Errorf("%s: waiting for the end gives %v, %v", reason, done, err)
		}
		e := NewEnv("kubectl grayscale", quiet)
		if steps := e.nextSteps(r); len(steps) != 2 || !strings.Contains(steps[0].Command, "finish task --accept "+risk) {
			t.Errorf("%s: next is %v", reason, steps)
		}
		s.Phase, s.Policy.End = release.Ready, ""
		if _, err := untilTakenOver.reached(r); err == nil || !strings.Contains(err.Error(), "takeover task --accept "+risk) {
			t.Errorf("%s: waiting for the take-over gives %v", reason, err)
		}
		if steps := e.nextSteps(r); !strings.Contains(steps[0].Command, "takeover task --accept "+risk) {
			t.Errorf("%s: next is %v", reason, steps)
		}
		r.Stale = "forbidden"
		if _, err := untilFinished.reached(r); err != nil {
			t.Errorf("%s: a status that may be older than the acceptance gives %v", reason, err)
		}
		if _, err := untilCancelled.reached(r); err != nil {
			t.Errorf("%s: a cancel is held by %v", reason, err)
		}
	}
}

// TestWithoutController: what is named then is what works then.
func TestWithoutController(t *testing.T) {
	w := running(t, release.Routing, nil) // a cluster in which nothing is installed
	said := w.ok("status", "reviews-v2")
	_, next, _ := strings.Cut(said, "Next:")
	for _, command := range []string{"cancel reviews-v2 --local -n shop", "takeover reviews-v2 --to original -n shop"} {
		if !strings.Contains(next, command) {
			t.Errorf("next lacks %q:\n%s", command, said)
		}
	}
	if strings.Contains(next, "policy") {
		t.Errorf("next names what needs the controller:\n%s", next)
	}
	w.fails(exitTimeout, []string{"nothing moves: ", "cancel reviews-v2 --local -n shop", "takeover reviews-v2 --to original -n shop"},
		"wait", "reviews-v2", "--for", "takeover", "--timeout", "6s")
	_, said, code := w.run("cancel", "reviews-v2", "--wait", "--timeout", "6s")
	if code != exitTimeout || !strings.Contains(said, "what goes without it: kubectl grayscale cancel reviews-v2 --local -n shop") || strings.Contains(said, "takeover") {
		t.Errorf("a cancel ends with exit status %d and says\n%s", code, said)
	}
	if said := w.ok("status", "reviews-v2"); !strings.Contains(said, "cancel reviews-v2 --local") && !strings.Contains(said, "wait reviews-v2 --for end") || strings.Contains(said, "takeover") {
		t.Errorf("what is on its way out is steered:\n%s", said)
	}
}

// TestEndedForm: the history keeps a release's form, and nobody makes one up.
func TestEndedForm(t *testing.T) {
	for form, title := range map[intent.Form]string{
		intent.BlueGreen: "reviews-v2  blue-green release of Service shop/reviews\n",
		"":               "reviews-v2  release of Service shop/reviews\n",
	} {
		ended := statusOfClaim(reviews, reviewsV1, "reviews-v2", release.Finished, release.Policy{})
		ended.Form, ended.Ended = form, &noon
		w := newWorld(t, annotated(reviews, intent.AnnotationHistory, release.History{}.With(ended.Entry(), "original", nil)))
		if said := w.ok("status", "reviews-v2"); !strings.HasPrefix(said, title) {
			t.Errorf("%q is shown as\n%s", form, said)
		}
	}
}
