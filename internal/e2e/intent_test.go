package e2e

import (
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// badIntents are writes that admission must refuse, each with words that the
// answer must have.
var badIntents = []struct {
	name, deployment string
	pairs            []string
	words            []string
}{
	{"a name of three characters", "reviews-v1", []string{"release=abc", "image=v2"}, []string{"grayscale.dev/release", "abc", "4"}},
	{"an unknown key", "reviews-v1", []string{"release=first", "image=v2", "wieght=10"}, []string{"grayscale.dev/wieght"}},
	{"weight 101", "reviews-v1", []string{"release=first", "image=v2", "weight=101"}, []string{"grayscale.dev/weight", "101", "100"}},
	{"the original's version", "reviews-v1", []string{"release=first", "image=v2", "version=v1"}, []string{"grayscale.dev/version", "v1"}},
	{"no Service", "lonely-v1", []string{"release=first", "image=v2"}, []string{"grayscale.dev/service", "no Service selects"}},
	{"two Services", "popular-v1", []string{"release=first", "image=v2"}, []string{"grayscale.dev/service", "popular-a", "popular-b"}},
	{"no version label", "plain", []string{"release=first", "image=v2"}, []string{"no version label", "kubectl", "patch"}},
	{"no change of an image", "reviews-v1", []string{"release=first", "version=v2"}, []string{"grayscale.dev/image"}},
	{"the image that runs", "reviews-v1", []string{"release=first", "image=v1", "version=v2"}, []string{"grayscale.dev/image", "v1"}},
	{"a form that is none", "reviews-v1", []string{"release=first", "image=v2", "form=red-black"}, []string{"grayscale.dev/form", "red-black"}},
	{
		"all faults at once", "reviews-v1",
		[]string{"release=abc", "image=v2", "wieght=10", "weight=101", "version=v1", "replicas=many"},
		[]string{"grayscale.dev/release", "grayscale.dev/wieght", "grayscale.dev/weight", "grayscale.dev/version", "grayscale.dev/replicas"},
	},
}

// badIntent: each is refused by kubectl annotate and changes nothing; a version
// that is no DNS label is good.
func badIntent(t *testing.T) {
	w := newWorld(t)
	w.bookshop(
		makeDeployment("lonely-v1").App("lonely").YAML(),
		makeDeployment("popular-v1").App("popular").YAML(), makeService("popular-a", "popular"), makeService("popular-b", "popular"),
		makeDeployment("plain").App("plain").WithoutVersion().YAML(), makeService("plain", "plain"),
	)
	w.rolledOut("lonely-v1", "popular-v1", "plain")
	tr := w.traffic()
	for _, c := range badIntents {
		before := w.get(deployments, c.deployment).GetResourceVersion()
		answer := w.refused(append([]string{"annotate", "deployment", c.deployment, "--overwrite"}, annotations(c.pairs)...)...)
		for _, word := range c.words {
			if !strings.Contains(answer, word) {
				t.Errorf("%s: the answer lacks %q: %s", c.name, word, answer)
			}
		}
		if after := w.get(deployments, c.deployment).GetResourceVersion(); after != before {
			t.Errorf("%s: the Deployment was written: resourceVersion %s, was %s", c.name, after, before)
		}
	}
	w.annotate("reviews-v1", "release=good", "image=v2", "version=1.2.0_rc1", "weight=50")
	tr.phase("a version with dots", only("v1", "1.2.0_rc1"))
	w.untilLive("50")
	tr.more(30)
	tr.phase("its share", split("v1", "1.2.0_rc1", 50))
	tr.seen(150)
	w.annotate("reviews-v1", "end=cancel")
	tr.settles("back", "1.2.0_rc1", "v1")
	tr.phase("cancelled", only("v1"))
	if e := w.untilEnded("reviews", "good", release.Cancelled); e.Clone != "reviews-1-2-0-rc1" {
		t.Errorf("the clone was %s, want reviews-1-2-0-rc1", e.Clone)
	}
	w.clean()
}
