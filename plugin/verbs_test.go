package plugin

import (
	"maps"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var (
	reviews   = service("reviews", map[string]string{"app": "reviews"})
	reviewsV1 = deployment("reviews-v1", "v1", nil)
)

// running is a world with a release at 10 %.
func running(t *testing.T, phase release.Phase, more map[string]string) world {
	ours := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "10"}
	maps.Copy(ours, more)
	return newWorld(t,
		claimed(reviews, reviewsV1, "reviews-v2", phase, release.Policy{Weight: 1000, Traffic: "policy"}),
		deployment("reviews-v1", "v1", ours))
}

func TestCreate(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	said := w.ok("create", "--service", "reviews", "--image", "v2", "--weight", "10%", "--replicas", "2")
	want := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2", "weight": "10", "replicas": "2"}
	if got := w.intent("reviews-v1"); !maps.Equal(got, want) {
		t.Errorf("the intent is %v, want %v", got, want)
	}
	for _, text := range []string{"release shop/reviews-v2 created: v1 to v2", "kubectl grayscale status reviews-v2 -w -n shop"} {
		if !strings.Contains(said, text) {
			t.Errorf("create does not say %q: %s", text, said)
		}
	}
	if said := w.ok("create", "--service", "reviews", "--image", "v2", "--weight", "10.0", "--replicas", "2"); !strings.Contains(said, "unchanged") {
		t.Errorf("the same create twice says %s", said)
	}
	w.fails(exitFailed, []string{"another one (--image is v2)"}, "create", "--service", "reviews", "--image", "v3")
	w.fails(exitFailed, []string{"has release shop/reviews-v2 already"}, "create", "other-task", "--service", "reviews", "--image", "v2")
}

func TestCreateNamesTask(t *testing.T) {
	w := newWorld(t, past(reviews, reviewsV1, "reviews-v2", "reviews-v2-2"), reviewsV1)
	w.fails(exitFailed, []string{"the name is taken"}, "create", "reviews-v2", "--service", "reviews", "--image", "v2")
	w.ok("create", "--service", "reviews", "--image", "v2")
	if got := w.intent("reviews-v1")["release"]; got != "reviews-v2-3" {
		t.Errorf("the task is %s, want the first name that is free", got)
	}
	for in, want := range map[[2]string]string{
		{"reviews", "1.2.0_rc1"}:                           "reviews-1-2-0-rc1",
		{"a", "b"}:                                         "task-a-b",
		{"9lives", "v1"}:                                   "task-9lives-v1",
		{strings.Repeat("s", 60), "v1"}:                    strings.Repeat("s", 60),
		{strings.Repeat("s", 59), "v1"}:                    strings.Repeat("s", 59),
		{"reviews", strings.Repeat("1", 63)}:               "reviews-" + strings.Repeat("1", 52),
		{"1" + strings.Repeat("s", 59), "never-mind-this"}: "task-1" + strings.Repeat("s", 54),
	} {
		if got := taskName(in[0], in[1]); got != want {
			t.Errorf("taskName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCreateRemovesLeftovers(t *testing.T) {
	w := newWorld(t, past(reviews, reviewsV1, "old-task"), deployment("reviews-v1", "v1",
		map[string]string{"release": "old-task", "weight": "50", "end": "cancel", "image": "v9"}))
	w.ok("create", "--service", "reviews", "--image", "v2")
	want := map[string]string{"release": "reviews-v2", "service": "reviews", "image": "v2"}
	if got := w.intent("reviews-v1"); !maps.Equal(got, want) {
		t.Errorf("the intent is %v, want %v", got, want)
	}
}

func TestCreateRefuses(t *testing.T) {
	noVersion := deployment("plain", "v1", nil)
	labels := map[string]any{"app": "plain"}
	noVersion.Object["spec"].(map[string]any)["template"].(map[string]any)["metadata"] = map[string]any{"labels": labels}
	w := newWorld(t, reviews, reviewsV1, deployment("reviews-v3", "v3", nil),
		service("plain", map[string]string{"app": "plain"}), noVersion, service("empty", map[string]string{"app": "empty"}))
	for _, c := range []struct {
		code int
		says string
		args string
	}{
		{exitUsage, "--service NAME or --workload", "create --image v2"},
		{exitUsage, "--image is missing", "create --service reviews"},
		{exitUsage, "or --patch-file, for other settings", "create --service reviews"},
		{exitUsage, "See 'kubectl grayscale create --help'", "create --service reviews"},
		{exitUsage, "--service is empty: write its value", "create --service= --workload reviews-v1 --image v2"},
		{exitUsage, "--image is empty", "create --service reviews --image="},
		{exitUsage, `TASK "No" is no task name`, "create No --service reviews --image v2"},
		{exitUsage, `"more" is one argument too many`, "create task more --service reviews --image v2"},
		{exitUsage, `--weight "101" is no share of the traffic`, "create --service reviews --image v2 --weight 101"},
		{exitUsage, "auto or a whole number", "create --service reviews --image v2 --replicas 0"},
		{exitUsage, "a release is of a Deployment", "create --workload sts/reviews --image v2"},
		{exitUsage, "write client or server", "create --service reviews --image v2 --dry-run=yes"},
		{exitUsage, "--wait can't be used with --dry-run", "create --service reviews --image v2 --dry-run --wait"},
		{exitUsage, "did you mean --image?", "create --service reviews --imge v2"},
		{exitFailed, "no Service shop/nope; there are: empty, plain, reviews", "create --service nope --image v2"},
		{exitFailed, "no Deployment shop/nope", "create --workload deploy/nope --image v2"},
		{exitFailed, "say which one to release with --workload: deploy/reviews-v1 (v1), deploy/reviews-v3 (v3)", "create --service reviews --image v2"},
		{exitFailed, "selects no Deployment's pods", "create --service empty --image v2"},
		{exitFailed, "has no version label", "create --service plain --image v2"},
		{exitFailed, `--version: "v3" is the version of Deployment shop/reviews-v3`, "create --workload reviews-v1 --image v3"},
		{exitFailed, `--image: "v1" is the image that runs already`, "create --workload deploy/reviews-v1 --image v1 --version v9"},
	} {
		w.fails(c.code, []string{c.says}, strings.Fields(c.args)...)
	}
	for _, name := range []string{"reviews-v1", "reviews-v3", "plain"} {
		if got := w.intent(name); len(got) > 0 {
			t.Errorf("%s was written to: %v", name, got)
		}
	}
}

func TestCreateOnBusyService(t *testing.T) {
	w := newWorld(t, claimed(reviews, reviewsV1, "reviews-v2", release.Ready, release.Policy{}), reviewsV1, deployment("reviews-v5", "v5", nil))
	w.fails(exitFailed, []string{"is held by release reviews-v2 of Deployment shop/reviews-v1"}, "create", "--workload", "deploy/reviews-v5", "--image", "v6")
}

func TestCreateDryRun(t *testing.T) {
	w := newWorld(t, reviews, reviewsV1)
	said := w.ok("create", "--service", "reviews", "--image", "v2", "--dry-run", "-o", "yaml")
	if !strings.Contains(said, "grayscale.dev/release: reviews-v2") || strings.Contains(said, "uid:") {
		t.Errorf("the dry run printed:\n%s", said)
	}
	if got := w.intent("reviews-v1"); len(got) > 0 {
		t.Errorf("a dry run wrote %v", got)
	}
}

func TestPolicy(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.ok("policy", "reviews-v2", "--weight", "25.50", "--replicas", "auto")
	if got := w.intent("reviews-v1"); got["weight"] != "25.5" || got["replicas"] != "auto" || got["traffic"] != "" {
		t.Errorf("the intent is %v", got)
	}
	if said := w.ok("policy", "svc/reviews", "--weight", "25.5"); !strings.Contains(said, "unchanged") {
		t.Errorf("the same policy twice says %s", said)
	}
	w.fails(exitUsage, []string{"needs something to change: --weight, --match"}, "policy", "reviews-v2")
	w.fails(exitUsage, []string{"at most two decimals"}, "policy", "reviews-v2", "--weight", "1.234")
	w.fails(exitUsage, []string{"TASK is missing"}, "policy", "--weight", "1")
}

func TestPolicyAfterTakeover(t *testing.T) {
	w := running(t, release.TakenOver, nil)
	w.ok("takeover", "reviews-v2")
	if got := w.intent("reviews-v1")["traffic"]; got != "grayscale" {
		t.Fatalf("traffic is %q after a take-over", got)
	}
	if said := w.ok("policy", "reviews-v2", "--weight", "20"); !strings.Contains(said, "it follows the policy again") {
		t.Errorf("policy after a take-over says %s", said)
	}
	if got := w.intent("reviews-v1"); got["traffic"] != "policy" || got["weight"] != "20" {
		t.Errorf("the intent is %v", got)
	}
	w.ok("takeover", "reviews-v2", "--to", "original")
	if got := w.intent("reviews-v1")["traffic"]; got != "original" {
		t.Errorf("traffic is %q", got)
	}
	w.fails(exitUsage, []string{`--to "nobody" is not known; write one of grayscale, original, policy`}, "takeover", "reviews-v2", "--to", "nobody")
}

func TestFinish(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.fails(exitFailed, []string{"asked to have 10%, and it needs all traffic", "takeover reviews-v2 --wait"}, "finish", "reviews-v2")
	w = running(t, release.TakenOver, map[string]string{"traffic": "grayscale"})
	w.ok("finish", "deploy/reviews-v1")
	if got := w.intent("reviews-v1")["end"]; got != "finish" {
		t.Errorf("end is %q", got)
	}
	w.fails(exitFailed, []string{"on its way out (finish is asked for)"}, "policy", "reviews-v2", "--weight", "1")
	w.ok("cancel", "reviews-v2")
	w.fails(exitFailed, []string{"is being cancelled"}, "finish", "reviews-v2")
}

func TestCancel(t *testing.T) {
	w := running(t, release.Routing, nil)
	w.ok("abort", "reviews-v2")
	if got := w.intent("reviews-v1")["end"]; got != "cancel" {
		t.Errorf("end is %q", got)
	}
	w = newWorld(t, reviews, deployment("reviews-v1", "v1", map[string]string{"release": "early", "image": "v2"}))
	if said := w.ok("cancel", "early"); !strings.Contains(said, "taken back before it began") {
		t.Errorf("cancel of a request says %s", said)
	}
	if got := w.intent("reviews-v1"); len(got) > 0 {
		t.Errorf("left %v", got)
	}
	w = newWorld(t, past(reviews, reviewsV1, "reviews-v2"), reviewsV1)
	if said := w.ok("cancel", "reviews-v2"); !strings.Contains(said, "cancelled already") {
		t.Errorf("cancel twice says %s", said)
	}
	w.fails(exitFailed, []string{"release shop/reviews-v2 is over (Cancelled)"}, "policy", "reviews-v2", "--weight", "1")
}

// TestCancelTooLate: a release that finishes and has lost its original goes on;
// one that has only lost its intent is cancelled.
func TestCancelTooLate(t *testing.T) {
	policy := release.Policy{Traffic: "grayscale", End: "finish"}
	w := newWorld(t, claimed(reviews, reviewsV1, "reviews-v2", release.Finishing, policy))
	for _, args := range []string{"cancel reviews-v2", "cancel reviews-v2 --wait", "cancel reviews-v2 --dry-run=client"} {
		w.fails(exitFailed, []string{"release shop/reviews-v2 is finishing, and can't be cancelled any more"}, strings.Fields(args)...)
	}
	w = newWorld(t, claimed(reviews, reviewsV1, "reviews-v2", release.Finishing, policy), reviewsV1)
	if said := w.ok("cancel", "reviews-v2"); !strings.Contains(said, "unchanged: it is being cancelled, for its intent is gone") {
		t.Errorf("cancel of what has lost its intent says %s", said)
	}
}

// TestOnlyOursIsWritten holds that a verb changes nothing but our annotations.
func TestOnlyOursIsWritten(t *testing.T) {
	w := running(t, release.TakenOver, map[string]string{"traffic": "grayscale"})
	for _, args := range []string{"policy reviews-v2 --weight 3", "takeover reviews-v2", "finish reviews-v2", "cancel reviews-v2"} {
		w.ok(strings.Fields(args)...)
		d, err := w.deployment("reviews-v1")
		if err != nil {
			t.Fatal(err)
		}
		if d.GetAnnotations()["team"] != "reviews" || d.GetGeneration() != 0 {
			t.Errorf("%s changed more than our annotations: %v", args, d.Object)
		}
	}
}
