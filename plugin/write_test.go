package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestDryRunsShowWhatChanges: the annotations that would be written, and those
// that would go, and nothing else.
func TestDryRunsShowWhatChanges(t *testing.T) {
	free := func(t *testing.T) world { return newWorld(t, reviews, reviewsV1) }
	routing := func(t *testing.T) world {
		return running(t, release.Routing, map[string]string{"mirror": "5", "weight": "0"})
	}
	taken := func(t *testing.T) world {
		return running(t, release.TakenOver, map[string]string{"traffic": "grayscale"})
	}
	const of = "annotations of Deployment shop/reviews-v1:\n"
	for args, c := range map[string]struct {
		in   func(*testing.T) world
		want string
	}{
		"create --service reviews --image v2 --weight 10": {free, "release shop/reviews-v2 created: v1 to v2 of Service reviews, as Deployment reviews-v2 (client dry run)\n" + of +
			"  grayscale.dev/release: reviews-v2\n  grayscale.dev/service: reviews\n  grayscale.dev/image: v2\n  grayscale.dev/weight: \"10\"\n"},
		"policy reviews-v2 --match os:iOS --mirror 0": {routing, "release shop/reviews-v2 asked for the requests with os:iOS, no copies of requests (client dry run)\n" + of +
			"  grayscale.dev/match: |\n    - os: [iOS]\n  grayscale.dev/mirror: removed (it was 5)\n"},
		"policy reviews-v2 --mirror 5": {routing, "release shop/reviews-v2 unchanged (client dry run)\n"},
		"takeover reviews-v2":          {routing, "release shop/reviews-v2 asked to give all traffic to the grayscale version (client dry run)\n" + of + "  grayscale.dev/traffic: grayscale\n"},
		"finish reviews-v2":            {taken, "release shop/reviews-v2 asked to finish (client dry run)\n" + of + "  grayscale.dev/end: finish\n"},
		"cancel reviews-v2":            {routing, "release shop/reviews-v2 asked to cancel (client dry run)\n" + of + "  grayscale.dev/end: cancel\n"},
	} {
		t.Run(args, func(t *testing.T) {
			w := c.in(t)
			before := w.intent("reviews-v1")
			if stdout, _, _ := w.run(append(strings.Fields(args), "--dry-run=client")...); stdout != c.want {
				t.Errorf("it prints\n%s\nwant\n%s", stdout, c.want)
			}
			for _, dry := range []string{"client", "server"} {
				if stdout, _, _ := w.run(append(strings.Fields(args), "--dry-run="+dry, "-o", "name")...); stdout != "reviews-v2\n" {
					t.Errorf("the name in a %s dry run is %q", dry, stdout)
				}
			}
			if after := w.intent("reviews-v1"); len(after) != len(before) {
				t.Errorf("a dry run wrote %v", after)
			}
			if stdout, _, _ := w.run(append(strings.Fields(args), "-o", "name")...); stdout != "reviews-v2\n" {
				t.Errorf("the name is %q", stdout)
			}
		})
	}
}

// TestWritesAsJSON: a program finds a phase in it, whatever there is of the release.
func TestWritesAsJSON(t *testing.T) {
	requested := func(t *testing.T) world {
		return newWorld(t, reviews, deployment("reviews-v1", "v1", map[string]string{"release": "reviews-v2", "image": "v2"}))
	}
	for args, c := range map[string]struct {
		in   func(*testing.T) world
		want string
	}{
		"create --service reviews --image v2": {func(t *testing.T) world { return newWorld(t, reviews, reviewsV1) }, "Asked"},
		"status reviews-v2":                   {requested, "Asked"},
		"cancel reviews-v2":                   {requested, "Cancelled"},
		"abort reviews-v2":                    {func(t *testing.T) world { return newWorld(t, past(reviews, reviewsV1, "reviews-v2"), reviewsV1) }, "Cancelled"},
	} {
		t.Run(args, func(t *testing.T) {
			stdout, stderr, code := c.in(t).run(append(strings.Fields(args), "-o", "json")...)
			var got release.Status
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || string(got.Phase) != c.want || code != exitDone {
				t.Errorf("exit status %d, phase %q, want %q (%v):\n%s%s", code, got.Phase, c.want, err, stdout, stderr)
			}
		})
	}
}
