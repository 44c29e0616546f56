package plugin

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// rulesOf gives the rules of an annotation as --match has them.
func rulesOf(t *testing.T, annotation string) []string {
	t.Helper()
	rules, faults := content.Parse(annotation)
	if len(faults) > 0 {
		t.Fatalf("the annotation is %q: %v", annotation, faults)
	}
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return out
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the rules are %q, want %q", got, want)
	}
}

// file writes a file and gives its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPolicyByContent(t *testing.T) {
	w := running(t, release.Routing, nil)
	said := w.ok("policy", "reviews-v2", "--match", "cookie:User=Internal", "--match", "header:End-User^=test && os:iOS,Android")
	got := w.intent("reviews-v1")
	same(t, rulesOf(t, got["match"]), "cookie:User=Internal", "header:end-user^=test && os:iOS,Android")
	if got["weight"] != "10" {
		t.Errorf("the weight is %q: a rule goes beside it", got["weight"])
	}
	for _, text := range []string{"the requests with cookie:User=Internal or header:end-user^=test", "No gateway route reaches Service shop/reviews", "(header cookie, header end-user, header user-agent)"} {
		if !strings.Contains(said, text) {
			t.Errorf("does not say %q: %s", text, said)
		}
	}
	w.ok("policy", "reviews-v2", "--match", "query:v~^2", "--weight", "0")
	got = w.intent("reviews-v1")
	same(t, rulesOf(t, got["match"]), "query:v~^2")
	if got["weight"] != "0" {
		t.Errorf("the weight is %q", got["weight"])
	}
	w.ok("policy", "reviews-v2", "--match-file", file(t, "- browser: [Chrome]\n- headers: {beta: {present: true}}\n"), "--match", "os:Linux")
	same(t, rulesOf(t, w.intent("reviews-v1")["match"]), "browser:Chrome", "header:beta", "os:Linux")
	said = w.ok("policy", "reviews-v2", "--clear-match")
	if got := w.intent("reviews-v1"); got["match"] != "" || got["weight"] != "0" || !strings.Contains(said, "no requests by their content") {
		t.Errorf("after --clear-match the intent is %v: %s", got, said)
	}
}

func TestPolicyMirror(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.fails(exitFailed, []string{"--mirror: ", "needs weight 0", "--weight 0"}, "policy", "reviews-v2", "--mirror", "5")
	w.ok("policy", "reviews-v2", "--weight", "0", "--mirror", "5.50%")
	if got := w.intent("reviews-v1"); got["mirror"] != "5.5" || got["weight"] != "0" {
		t.Errorf("the intent is %v", got)
	}
	w.ok("policy", "reviews-v2", "--mirror", "0", "--weight", "20")
	if got := w.intent("reviews-v1"); got["mirror"] != "" || got["weight"] != "20" {
		t.Errorf("after --mirror 0 the intent is %v", got)
	}
}

func TestPolicyRefuses(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.fails(exitUsage, []string{`--match "nonsense"`}, "policy", "reviews-v2", "--match", "nonsense")
	w.fails(exitUsage, []string{"--match-file", "rule 1"}, "policy", "reviews-v2", "--match-file", file(t, "- colour: red\n"))
	w.fails(exitUsage, []string{"is empty"}, "policy", "reviews-v2", "--match-file", file(t, " \n"))
	w.fails(exitFailed, []string{"reading --match-file"}, "policy", "reviews-v2", "--match-file", "/nonexistent")
	w.fails(exitUsage, []string{"--clear-match can't be used with --match"}, "policy", "reviews-v2", "--match", "os:iOS", "--clear-match")
	for _, share := range []string{"1.234", "", "101", "-1", "ten", "10%%", "1e1", "%"} {
		for _, flag := range []string{"--weight", "--mirror"} {
			w.fails(exitUsage, []string{flag + " " + strconv.Quote(share) + " is no share of the traffic: write a percentage from 0 to 100 with at most two decimals, such as 12.5"},
				"policy", "reviews-v2", flag+"="+share)
		}
	}
	for _, flag := range []string{"--replicas", "--match-file"} {
		w.fails(exitUsage, []string{flag + " is empty: write its value, or leave the flag out", "See 'kubectl grayscale policy --help'"}, "policy", "reviews-v2", flag, "")
	}
	w.ok("policy", "reviews-v2", "--weight", "12.5 %")
	if got := w.intent("reviews-v1")["weight"]; got != "12.5" {
		t.Errorf("the weight is %q", got)
	}
}

func TestPolicyByContentAfterTakeover(t *testing.T) {
	w := running(t, release.TakenOver, map[string]string{"traffic": "original"})
	if said := w.ok("policy", "reviews-v2", "--match", "os:iOS"); !strings.Contains(said, "was set to the original version; it follows the policy again") {
		t.Errorf("policy after a take-over says %s", said)
	}
	if got := w.intent("reviews-v1")["traffic"]; got != "policy" {
		t.Errorf("traffic is %q", got)
	}
}

// TestPolicyTellsNothingBeforeTheWrite: what was not written has not happened.
func TestPolicyTellsNothingBeforeTheWrite(t *testing.T) {
	w := running(t, release.TakenOver, map[string]string{"traffic": "grayscale"})
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return errors.New("no right to patch")
		},
	})
	stdout, stderr, code := w.run("policy", "reviews-v2", "--weight", "5")
	if said := stdout + stderr; code != exitFailed || strings.Contains(said, "follows the policy again") || !strings.Contains(said, "no right to patch") {
		t.Errorf("exit status %d: %s", code, said)
	}
}

func TestPolicyOfBlueGreen(t *testing.T) {
	ours := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "form": "blue-green"}
	w := newWorld(t, claimed(reviews, reviewsV1, "reviews-v2", release.Ready, release.Policy{Traffic: "policy"}), deployment("reviews-v1", "v1", ours))
	for _, args := range []string{"--weight 10", "--match os:iOS", "--mirror 5", "--clear-match"} {
		w.fails(exitFailed, []string{"is blue-green", "takeover reviews-v2 --to grayscale", "--to original"},
			append([]string{"policy", "reviews-v2"}, strings.Fields(args)...)...)
	}
	w.ok("policy", "reviews-v2", "--replicas", "2")
	w.ok("takeover", "reviews-v2")
	w.ok("takeover", "reviews-v2", "--to", "policy")
	if got := w.intent("reviews-v1"); got["traffic"] != "policy" || got["replicas"] != "2" || got["weight"] != "" {
		t.Errorf("the intent is %v", got)
	}
}

// vs is a VirtualService with one route to reviews, or that delegates.
func vs(name string, spec map[string]any) *unstructured.Unstructured {
	u := newObject("networking.istio.io/v1", "VirtualService")
	u.SetNamespace("shop")
	u.SetName(name)
	u.Object["spec"] = spec
	return u
}

func TestWhoPassesOn(t *testing.T) {
	toReviews := []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "reviews"}}}}}
	toDelegate := []any{map[string]any{"delegate": map[string]any{"name": "inner"}}}
	for name, c := range map[string]struct {
		routes []*unstructured.Unstructured
		hint   bool
	}{
		"no route":          {nil, true},
		"mesh":              {[]*unstructured.Unstructured{vs("a", map[string]any{"hosts": []any{"reviews"}, "http": toReviews})}, true},
		"mesh by name":      {[]*unstructured.Unstructured{vs("a", map[string]any{"gateways": []any{"mesh"}, "http": toReviews})}, true},
		"gateway":           {[]*unstructured.Unstructured{vs("a", map[string]any{"gateways": []any{"mesh", "front"}, "http": toReviews})}, false},
		"gateway elsewhere": {[]*unstructured.Unstructured{vs("a", map[string]any{"gateways": []any{"front"}, "http": []any{}})}, true},
		"delegate of a gateway": {[]*unstructured.Unstructured{
			vs("a", map[string]any{"gateways": []any{"front"}, "http": toDelegate}), vs("inner", map[string]any{"http": toReviews})}, false},
	} {
		t.Run(name, func(t *testing.T) {
			objects := append(c.routes, claimed(reviews, reviewsV1, "reviews-v2", release.Ready, release.Policy{}),
				deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2"}))
			said := newWorld(t, objects...).ok("policy", "reviews-v2", "--match", "cookie:a=b")
			if got := strings.Contains(said, "must pass on what the rules look at (header cookie)"); got != c.hint {
				t.Errorf("the hint is %v, want %v: %s", got, c.hint, said)
			}
		})
	}
}

func TestCreateWithEverything(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	patch := "spec:\n  containers:\n  - name: reviews\n    env: [{name: LEVEL, value: debug}]\n"
	args := []string{"create", "debug", "--service", "reviews", "--patch-file", file(t, patch), "--version", "v1-debug", "--name", "reviews-debug",
		"--finish", "replace", "--replicas", "auto", "--mirror", "10%", "--accept", "undersized,unrouted"}
	w.ok(args...)
	want := map[string]string{"release": "debug", "service": "reviews", "patch": patch, "version": "v1-debug", "name": "reviews-debug",
		"finish": "replace", "replicas": "auto", "mirror": "10", "accept": "undersized,unrouted"}
	if got := w.intent("reviews-v1"); !maps.Equal(got, want) {
		t.Errorf("the intent is %v, want %v", got, want)
	}
	if said := w.ok(args...); !strings.Contains(said, "unchanged") {
		t.Errorf("the same create twice says %s", said)
	}
	args[5] = file(t, strings.Replace(patch, "debug", "trace", 1))
	w.fails(exitFailed, []string{"another one (--patch-file is another)"}, args...)
}

func TestCreateByContent(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	said := w.ok("create", "--service", "reviews", "--image", "v2", "--match", "cookie:User=Internal", "--weight", "1")
	same(t, rulesOf(t, w.intent("reviews-v1")["match"]), "cookie:User=Internal")
	if !strings.Contains(said, "must pass on what the rules look at") {
		t.Errorf("create says %s", said)
	}
	if said := w.ok("create", "--service", "reviews", "--image", "v2", "--match-file", file(t, "- cookie: {exact: Internal, name: User}\n")); !strings.Contains(said, "unchanged") {
		t.Errorf("the same rule written otherwise says %s", said)
	}
}

func TestCreateRefusesForms(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	for says, args := range map[string]string{
		"--weight: \"10\" is a partial policy, which --form blue-green does not have": "create --service reviews --image v2 --form blue-green --weight 10",
		"takeover --to grayscale":                          "create --service reviews --image v2 --form blue-green --mirror 10",
		"--finish: \"in-place\" can't be":                  "create --service reviews --image v2 --finish in-place",
		"--version is missing, and no image changes":       "create --service reviews --patch-file " + file(t, "spec: {priority: 1}"),
		"--patch-file: ":                                   "create --service reviews --image v2 --patch-file " + file(t, "metadata: {labels: {version: v9}}"),
		"--name: \"reviews-v1\" is the name of Deployment": "create --service reviews --image v2 --name reviews-v1",
	} {
		w.fails(exitFailed, []string{says}, strings.Fields(args)...)
	}
	w.fails(exitUsage, []string{`--form "purple" is not known; write one of canary, blue-green`}, "create", "--service", "reviews", "--image", "v2", "--form", "purple")
	w.fails(exitUsage, []string{`--finish "here" is not known; write one of in-place, replace`}, "create", "--service", "reviews", "--image", "v2", "--finish", "here")
	w.fails(exitUsage, []string{`--accept "everything" is not known; write one of unrouted, undersized, managed, unprotected`}, "create", "--service", "reviews", "--image", "v2", "--accept", "everything")
	w.fails(exitUsage, []string{"can't both be stdin"}, "create", "--service", "reviews", "--patch-file", "-", "--match-file", "-")
	if got := w.intent("reviews-v1"); len(got) > 0 {
		t.Errorf("something was written: %v", got)
	}
}

// TestRefusalOfAWebhook: its sentences are told once, in the user's own words.
func TestRefusalOfAWebhook(t *testing.T) {
	w := running(t, release.Routing, nil)
	refused := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "reviews-v1", nil)
	refused.ErrStatus.Message = `admission webhook "intent.grayscale.dev" denied the request: Deployment shop/reviews-v1 is refused:
grayscale.dev/weight: "5" is in doubt, or accept the risk with grayscale.dev/accept: unrouted`
	w.WithWatch = interceptor.NewClient(w.WithWatch, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return refused
		},
	})
	_, stderr, _ := w.run("policy", "reviews-v2", "--weight", "5")
	want := "annotating Deployment shop/reviews-v1: refused:\n  - --weight 5 is in doubt, or accept the risk with --accept unrouted\n"
	if !strings.HasSuffix(stderr, want) {
		t.Errorf("it says %q, want %q", stderr, want)
	}
}

func TestWarningsAsFlags(t *testing.T) {
	var out strings.Builder
	e := NewEnv("kubectl grayscale", genericiooptions.IOStreams{ErrOut: &out})
	warner{e}.HandleWarningHeaderWithContext(t.Context(), 299, "-", "undersized: write grayscale.dev/replicas: auto")
	if got := out.String(); got != "Warning: undersized: write --replicas auto\n" {
		t.Errorf("it says %q", got)
	}
}

func TestWrittenAsFlags(t *testing.T) {
	for in, want := range map[string]string{
		`write grayscale.dev/weight: "0", or remove one of them`:            "write --weight 0, or remove one of them",
		"remove it, and write grayscale.dev/traffic: grayscale or original": "remove it, and write takeover --to grayscale or original",
		"or accept the risk with grayscale.dev/accept: unrouted":            "or accept the risk with --accept unrouted",
		intent.KeyPatch + " is empty":                                       "--patch-file is empty",
		`label grayscale.dev/task: "a" is not the task's`:                   `label grayscale.dev/task: "a" is not the task's`,
		"nothing to do with it":                                             "nothing to do with it",
	} {
		if got := writtenAsFlags(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
