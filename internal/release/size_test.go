package release_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	words "github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// text is of what JSON has to escape and of what it has not, up to that long.
func text(t *rapid.T, what string, most int) string {
	runes := rapid.SampledFrom([]string{"a", "<", `"a`, `\<&`, "é ", "\n"}).Draw(t, what)
	size := rapid.OneOf(rapid.IntRange(1, most), rapid.Just(most)).Draw(t, "length of "+what)
	return clip.Text(strings.Repeat(runes, size), max(size, len(runes)+2))
}

// name is one of the API's, up to that long.
func name(t *rapid.T, what string, most int) string {
	return strings.Repeat(rapid.SampledFrom([]string{"a", "b"}).Draw(t, what), rapid.OneOf(rapid.IntRange(4, most), rapid.Just(min(most, 12))).Draw(t, "length of "+what))
}

// anyRules are none, or as many as there may be, or fewer.
func anyRules(t *rapid.T) (out []words.Rule) {
	for n := range rapid.SampledFrom([]int{0, 1, 4, 16}).Draw(t, "rules") {
		value := strings.TrimSpace(strings.ReplaceAll(text(t, "value", 1000), "\n", " "))
		out = append(out, words.Rule{Headers: map[string]words.Match{fmt.Sprint("h", n): {Kind: words.Exact, Value: value}}})
	}
	for len(words.Format(out)) > words.MaxBytes {
		out = out[:len(out)-1]
	}
	return out
}

// anyIntent are the annotations of an intent.
func anyIntent(t *rapid.T) map[string]string {
	out := map[string]string{
		intent.KeyRelease: name(t, "task", 63), intent.KeyVersion: name(t, "version", 63), intent.KeyName: name(t, "clone", 253),
		intent.KeyImage: "c0=" + name(t, "image", 100) + ":" + name(t, "tag", 128), intent.KeyBy: text(t, "by", 400),
	}
	if rules := anyRules(t); len(rules) > 0 {
		out[intent.KeyMatch] = words.Format(rules)
	}
	if rapid.Bool().Draw(t, "patches") {
		quoted, err := json.Marshal(text(t, "patch", 3000))
		if err != nil {
			t.Fatal(err)
		}
		out[intent.KeyPatch] = "spec: {nodeName: " + string(quoted) + "}"
	}
	return out
}

// anyOriginal is a Deployment with many containers, and a version label of any key.
func anyOriginal(t *rapid.T) (w release.Workload, label string) {
	label = rapid.SampledFrom([]string{"version", strings.Repeat("l", 253) + "/" + strings.Repeat("l", 63)}).Draw(t, "label")
	w = workload(name(t, "original", 63), label+"="+name(t, "its version", 62)+"0", "app.kubernetes.io/version=1.0")
	for n := range rapid.SampledFrom([]int{1, 2, 30}).Draw(t, "containers") {
		w.Images[fmt.Sprintf("c%d", n)] = name(t, "its image", 120) + ":1"
	}
	w.UID = types.UID(strings.Repeat("u", 36))
	return w, label
}

// happens is what a release may come to: trouble in any words, and routes that still
// say what was asked before.
func happens(t *rapid.T, s *release.Status) {
	for _, kind := range []string{release.Progressing, release.PodsReady, release.Routed, release.Degraded, release.OriginalChanged} {
		s.SetCondition(kind, rapid.Bool().Draw(t, kind), release.ReasonOriginalEmpty, text(t, "sentence", 3000), now)
	}
	s.Strictly(text(t, "strict", 3000))
	var namespaces []string
	for range rapid.SampledFrom([]int{0, 1, 200}).Draw(t, "namespaces") {
		namespaces = append(namespaces, name(t, "namespace", 63))
	}
	s.Reach = release.ReachOf(namespaces)
	s.Grayscale.UID, s.Grayscale.Ready, s.Peak = s.Original.UID, 1<<30, 1<<30
	s.Grayscale.Template = s.Intent
	for _, step := range []release.Step{"Pending", "Starting", "Ready", "Routing", "TakenOver", "Finishing", "Cancelling", release.StepPinned, release.StepDrain, release.StepGone, release.StepYield, release.StepStripped, release.StepTooLate} {
		s.Steps[step] = now.Add(123 * time.Millisecond)
	}
	live := release.Live{Weight: 9999, Most: 9999, Routes: 1 << 20, Content: 1 << 20, Mirror: 9999, Match: s.Policy.Match}
	if rapid.Bool().Draw(t, "live differs") {
		live.Match = anyRules(t)
	}
	s.SeeLive(&live)
}

// losers are that many Deployments' pairs, all of which stand.
func losers(h release.History, many int) release.History {
	standing := map[string]bool{}
	for n := range many {
		standing[release.Pair("loser", types.UID(fmt.Sprint(n)))] = true
	}
	for n := range many {
		h = h.With(release.Entry{Task: "loser"}, types.UID(fmt.Sprint(n)), standing)
	}
	h.Entries = nil
	return h
}

// pasts are those of Services that few or many have lost.
var pasts = []release.History{{}, losers(release.History{}, release.MostSpent), losers(release.History{}, release.MostSpent+release.MostStanding+10)}

// anyPast is one of them, with ten endings or more.
func anyPast(t *rapid.T) release.History {
	h := rapid.SampledFrom(pasts).Draw(t, "past")
	for n := range rapid.SampledFrom([]int{0, 3, 12}).Draw(t, "endings") {
		e := entry(n, text(t, "message", 3000))
		e.Images = map[string]string{"app": name(t, "its image", 200)}
		h.Entries = append([]release.Entry{e}, h.Entries...)
	}
	return h
}

// TestAnnotationsFit: whatever admission lets in, and whatever becomes of it, status
// and history fit, and say all that the release rests on.
func TestAnnotationsFit(t *testing.T) {
	admitted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		annotations := anyIntent(t)
		original, label := anyOriginal(t)
		i, faults := intent.Parse(annotations)
		spec, more := release.Resolve(i, original, release.World{Services: []release.Service{service(strings.Repeat("s", 63), "app=reviews")}, VersionLabel: label})
		if faults = append(faults, more...); len(faults) > 0 {
			refused++
			return
		}
		admitted++
		s := release.Begin(spec, now)
		if later := (intent.Intent{Match: anyRules(t)}); len(s.TooLong(later)) == 0 {
			s.Policy.Match = later.Match
		}
		happens(t, s)
		past := anyPast(t)
		status := s.Annotation()
		history := past.String(len(status))
		if len(status)+len(history) > release.MostBytes || len(status) > release.MostStatus {
			t.Fatalf("the status has %d bytes, the history %d", len(status), len(history))
		}
		back, err := release.ParseStatus(status)
		if err != nil {
			t.Fatal(err)
		}
		for _, status := range []*release.Status{s, back} {
			status.By = "" // and sentences may be cut
			for n := range status.Conditions {
				status.Conditions[n].Message = ""
			}
		}
		if want := s.DeepCopy(); !reflect.DeepEqual(back, want) {
			t.Fatalf("got  %+v\nwant %+v", back, want)
		}
		read, err := release.ParseHistory(history)
		if err != nil || !slices.Equal(read.Spent, past.Spent) || len(read.Entries) > len(past.Entries) {
			t.Fatalf("%d of %d spent pairs are left, %d of %d endings: %v", len(read.Spent), len(past.Spent), len(read.Entries), len(past.Entries), err)
		}
	})
	t.Logf("%d admitted, %d refused", admitted, refused)
	if admitted < 10 || refused < 10 {
		t.Errorf("%d admitted, %d refused: the test says little", admitted, refused)
	}
}

// TestTooLong: what has no room in the status is refused by the key that takes most
// of it, with what it takes and what is left.
func TestTooLong(t *testing.T) {
	long := strings.Repeat("x", 900)
	rules := "- headers: {a: {exact: " + long + "}, b: {exact: " + long + "}, c: {exact: " + long + "}}\n"
	patch := "spec: {nodeName: " + strings.Repeat("n", 4000) + "}"
	crowded := workload("reviews-v1", "version=v1")
	for n := range 60 {
		crowded.Images[fmt.Sprintf("c%d", n)] = "registry.example.com/shop/" + strings.Repeat("i", 100) + ":1"
	}
	for name, test := range map[string]struct {
		original release.Workload
		pairs    []string
		want     string
	}{
		"rules alone":                 {workload("reviews-v1", "version=v1"), []string{"match=" + rules}, ""},
		"a patch alone":               {workload("reviews-v1", "version=v1"), []string{"patch=" + patch}, ""},
		"a patch that is escaped":     {workload("reviews-v1", "version=v1"), []string{"patch=spec: {nodeName: '" + strings.Repeat("<&>", 1500) + "'}"}, ""},
		"rules and a longer patch":    {workload("reviews-v1", "version=v1"), []string{"match=" + rules, "patch=" + patch}, intent.KeyPatch + `: "spec: {nodeName: nnnn`},
		"rules, and a crowd of other": {crowded, []string{"image=app=2.0", "match=" + rules}, `Deployment shop/reviews-v1: "{\"app\":\"shop/reviews:1.0\",\"c0\"`},
	} {
		_, faults := release.Resolve(asked(t, test.pairs...), test.original, release.World{Services: []release.Service{service("reviews", "app=reviews")}})
		switch got := faults.Error(); {
		case test.want == "" && got != "":
			t.Errorf("%s: %s", name, got)
		case test.want != "" && (len(faults) != 1 || !strings.HasPrefix(got, test.want) || !strings.Contains(got, "bytes of the release's status, and ")):
			t.Errorf("%s: got %s", name, got)
		}
	}
	spec, _ := release.Resolve(asked(t, "patch="+patch), workload("reviews-v1", "version=v1"), release.World{Services: []release.Service{service("reviews", "app=reviews")}})
	if got := release.Begin(spec, now).TooLong(asked(t, "match="+rules)).Error(); !strings.HasPrefix(got, intent.KeyMatch) || !strings.Contains(got, "write fewer or shorter rules") {
		t.Errorf("rules beside a patch, mid-way: %q", got)
	}
	if got := release.Begin(spec, now).TooLong(asked(t)); len(got) > 0 {
		t.Errorf("no rules, mid-way: %v", got)
	}
}

// TestLosersStand: a pair is remembered as long as its Deployment asks for it, be
// there a thousand others; one that nobody asks for gives way to a hundred newer.
func TestLosersStand(t *testing.T) {
	standing := map[string]bool{}
	uid := func(n int) types.UID { return types.UID(fmt.Sprint("uid-", n)) }
	for n := range release.MostStanding {
		standing[release.Pair("loser", uid(n))] = true
	}
	h := release.History{}.With(release.Entry{Task: "gone"}, "uid", standing)
	for n := range release.MostStanding {
		h = h.With(release.Entry{Task: "loser"}, uid(n), standing)
	}
	for n := range release.MostSpent {
		h = h.With(release.Entry{Task: fmt.Sprint("later-", n)}, "uid", standing)
	}
	if room := h.Room(standing); room != 0 {
		t.Errorf("there is room for %d more", room)
	}
	for n := range release.MostStanding {
		if !h.IsSpent("loser", uid(n)) {
			t.Fatalf("loser %d is forgotten", n)
		}
	}
	if h.IsSpent("gone", "uid") || !h.IsSpent("later-0", "uid") {
		t.Error("not the last hundred are kept of those that nobody asks for")
	}
	if h = h.With(release.Entry{Task: "last"}, "uid", nil); len(h.Spent) != release.MostSpent {
		t.Errorf("%d are kept although nobody asks for any", len(h.Spent))
	}
}
