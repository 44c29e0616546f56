package intent_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

func TestWeightRoundTrip(t *testing.T) {
	for w := intent.Weight(0); w <= intent.Full; w++ {
		got, err := intent.ParseWeight(w.String())
		if err != nil || got != w {
			t.Fatalf("ParseWeight(%q) is %d, %v; want %d", w.String(), got, err, w)
		}
		b, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var back intent.Weight
		if err := json.Unmarshal(b, &back); err != nil || back != w {
			t.Fatalf("JSON %s becomes %d, %v; want %d", b, back, err, w)
		}
	}
}

func TestWeightForms(t *testing.T) {
	for text, want := range map[string]intent.Weight{"0": 0, "00": 0, "0.0": 0, "0.5": 50, "0.50": 50, "0.05": 5, "007": 700, "100": 10000, "100.00": 10000} {
		if got, err := intent.ParseWeight(text); err != nil || got != want {
			t.Errorf("ParseWeight(%q) is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{`"10"x`, `-1`, `101`, `0.001`, `true`} {
		var w intent.Weight
		if err := json.Unmarshal([]byte(bad), &w); err == nil {
			t.Errorf("JSON %s became %s", bad, w)
		}
	}
}

// TestVersionNames: every legal version makes a legal part of a clone's name, if
// anything is left of it.
func TestVersionNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.StringMatching(`[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`).Draw(t, "tag")
		version := intent.LabelValue(tag)
		if faults := validation.IsValidLabelValue(version); len(faults) > 0 {
			t.Fatalf("LabelValue(%q) is %q: %v", tag, version, faults)
		}
		if label := intent.DNSLabel(version); label != "" {
			if faults := validation.IsDNS1123Label(label); len(faults) > 0 {
				t.Fatalf("DNSLabel(%q) is %q: %v", version, label, faults)
			}
		}
	})
}

// longest is more than any one fault may say, whatever was written: it quotes at
// most two values of 120 characters, and Go needs up to ten for one of them.
const longest = 3000

// FuzzParse: no annotation makes Parse panic, or answer at any length.
func FuzzParse(f *testing.F) {
	for _, key := range intent.Keys {
		f.Add(key, "10", "x")
	}
	f.Add("grayscale.dev/", "", "")
	f.Add(intent.KeyImage, "a=b,c=d,a=e", "a@sha256:zz")
	f.Add(intent.KeyWeight, "99.999", "٣")
	f.Add(intent.KeyAccept, ",, ,", "\xff\xfe")
	f.Add(intent.KeyMatch, strings.Repeat("é", 500), strings.Repeat(",", 500))
	f.Fuzz(func(t *testing.T, key, value, image string) {
		_, faults := intent.Parse(map[string]string{intent.KeyRelease: "task", key: value, intent.KeyImage: image})
		for _, fault := range faults {
			message := fault.Error()
			if utf8.RuneCountInString(message) > longest+utf8.RuneCountInString(key) {
				t.Errorf("a fault of %d characters: %s", len(message), message)
			}
			if fault.Why == "" {
				t.Errorf("%s: a fault without a reason", fault.At)
			}
		}
	})
}

// FuzzImages: what Images accepts changes an image of the workload, and nothing
// makes it panic.
func FuzzImages(f *testing.F) {
	f.Add("2.0", "shop/reviews:1.0", "envoy:1.39")
	f.Add("app=2.0,proxy=", "a", "b@sha256:0")
	f.Add("envoy:1.40", "registry:5000/envoy", "envoy")
	f.Add("app=x:y", "", "/:@")
	f.Add("2.0", "envoy:1.39", "docker.io/library/envoy:1.39")
	f.Fuzz(func(t *testing.T, value, app, proxy string) {
		current := map[string]string{"app": app, "proxy": proxy}
		images, faults := intent.Images(value, current, []string{"app"})
		for container, image := range images {
			if was, ok := current[container]; !ok || was == image {
				t.Errorf("container %q gets %q, had %q", container, image, was)
			}
		}
		_, parsed := intent.Parse(map[string]string{intent.KeyRelease: "task", intent.KeyImage: value})
		if len(images) == 0 && len(faults) == 0 && len(parsed) == 0 {
			t.Errorf("%q changes nothing, and nobody says so", value)
		}
	})
}
