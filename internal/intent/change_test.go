package intent_test

import (
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

func TestChange(t *testing.T) {
	for name, test := range map[string]struct {
		before, after map[string]string
		running       string
		want          string
	}{
		"nothing":                       {with(), with(), "", ""},
		"the policy":                    {with("weight=10"), with("weight=20", "traffic=grayscale", "end=finish", "replicas=3", "accept=undersized"), "", ""},
		"the image, of the same":        {with(), with("image=3.0"), "", ""},
		"the start of a release":        {map[string]string{}, with("end=finish", "traffic=grayscale"), "", ""},
		"the intent removed":            {with("end=finish"), with("release-", "image-"), "", ""},
		"another release":               {with("end=cancel"), with("release=next", "image=3.0"), "", ""},
		"another release, end kept":     {with("end=cancel"), with("release=next", "end=cancel"), "", intent.KeyEnd + `: "cancel" is left over from release reviews-v2; remove it, or write it anew after release next has started`},
		"another release, traffic kept": {with("traffic=grayscale"), with("release=next", "traffic=grayscale"), "", intent.KeyTraffic + `: "grayscale" is left over from release reviews-v2; remove it, or write it anew after release next has started`},
		"another release, policy kept":  {with("traffic=policy"), with("release=next", "traffic=policy"), "", ""},
		"another release, new end":      {with("end=cancel"), with("release=next", "end=finish"), "", ""},
		"in two writes, end kept": {annotations("end=finish"), with("release=next", "end=finish"), "",
			intent.KeyEnd + `: "finish" is left over from an earlier release; remove it, or write it anew after release next has started`},
		"in two writes, traffic kept, while the last one runs": {annotations("traffic=grayscale"), with("release=next", "traffic=grayscale"), "reviews-v2",
			intent.KeyTraffic + `: "grayscale" is left over from release reviews-v2; remove it, or write it anew after release next has started`},
		"in two writes, end written anew":   {annotations("end=cancel"), with("release=next", "end=finish"), "reviews-v2", ""},
		"let go, and taken up again":        {annotations("end=finish"), with("end=finish"), "reviews-v2", ""},
		"end and traffic without a release": {annotations("end=finish"), annotations("end=finish", "traffic=grayscale"), "", ""},
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

// annotations are those of an object without a release: "end=finish" is
// grayscale.dev/end: finish.
func annotations(pairs ...string) map[string]string {
	return with(append(pairs, "release-", "image-")...)
}
