package intent_test

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

func TestChange(t *testing.T) {
	fixed := func(key, value, was string) string {
		return intent.Prefix + key + `: "` + value + `" is fixed while release reviews-v2 runs (it was "` + was + `"); cancel the release first, or write another release name with it`
	}
	for name, test := range map[string]struct {
		before, after map[string]string
		running       string
		want          string
	}{
		"nothing":                       {with(), with(), "reviews-v2", ""},
		"the policy":                    {with("weight=10"), with("weight=20", "traffic=grayscale", "end=finish", "replicas=3", "accept=undersized"), "reviews-v2", ""},
		"the start of a release":        {map[string]string{}, with("end=finish", "traffic=grayscale"), "", ""},
		"the intent removed":            {with("end=finish"), with("release-", "image-"), "reviews-v2", ""},
		"the image, mid-way":            {with(), with("image=3.0"), "reviews-v2", fixed("image", "3.0", "2.0")},
		"the image, not yet claimed":    {with(), with("image=3.0"), "", ""},
		"the image, another runs":       {with(), with("image=3.0"), "another", ""},
		"a key that was not there":      {with(), with("version=v2"), "reviews-v2", fixed("version", "v2", "")},
		"two at once":                   {with(), with("name=x", "service=y"), "reviews-v2", fixed("service", "y", "") + "\n" + fixed("name", "x", "")},
		"another release":               {with("end=cancel"), with("release=next", "image=3.0"), "reviews-v2", ""},
		"another release, end kept":     {with("end=cancel"), with("release=next", "end=cancel"), "reviews-v2", intent.KeyEnd + `: "cancel" is left over from release reviews-v2; remove it, or write it anew after release next has started`},
		"another release, traffic kept": {with("traffic=grayscale"), with("release=next", "traffic=grayscale"), "reviews-v2", intent.KeyTraffic + `: "grayscale" is left over from release reviews-v2; remove it, or write it anew after release next has started`},
		"another release, policy kept":  {with("traffic=policy"), with("release=next", "traffic=policy"), "reviews-v2", ""},
		"another release, new end":      {with("end=cancel"), with("release=next", "end=finish"), "reviews-v2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			faults := intent.Change(test.before, test.after, test.running)
			if got := faults.Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			for _, f := range faults {
				if f.Kind != intent.Forbidden {
					t.Errorf("%s is %s, want Forbidden", f.At, f.Kind)
				}
			}
		})
	}
}
