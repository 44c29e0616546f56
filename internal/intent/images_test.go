package intent_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

func TestImages(t *testing.T) {
	one := map[string]string{"app": "registry:5000/shop/reviews:1.0"}
	two := map[string]string{"app": "shop/reviews:1.0", "proxy": "envoy:1.39"}
	init := map[string]string{"app": "shop/reviews:1.0", "init wait": "busybox:1.36"}
	migrates := map[string]string{"app": "shop/reviews:1.0", "init migrate": "docker.io/shop/reviews:1.0"}
	three := map[string]string{"app": "shop/reviews:1.0", "proxy": "envoy:1.39", "init wait": "busybox:1.36"}
	digest := "@sha256:" + strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		value   string
		current map[string]string
		want    map[string]string // nil: refused
		why     string
	}{
		"a tag":                                                  {"2.0", one, map[string]string{"app": "registry:5000/shop/reviews:2.0"}, ""},
		"a tag for an untagged image":                            {"2.0", map[string]string{"app": "registry:5000/reviews"}, map[string]string{"app": "registry:5000/reviews:2.0"}, ""},
		"a tag in place of a digest":                             {"2.0", map[string]string{"app": "shop/reviews:1.0" + digest}, map[string]string{"app": "shop/reviews:2.0"}, ""},
		"another repository":                                     {"shop/next:1.0", one, map[string]string{"app": "shop/next:1.0"}, ""},
		"a digest":                                               {"shop/reviews" + digest, one, map[string]string{"app": "shop/reviews" + digest}, ""},
		"the container by repository":                            {"envoy:1.40", two, map[string]string{"proxy": "envoy:1.40"}, ""},
		"in Docker's own repository":                             {"docker.io/library/envoy:1.40", two, map[string]string{"proxy": "docker.io/library/envoy:1.40"}, ""},
		"by container":                                           {"app=2.0", two, map[string]string{"app": "shop/reviews:2.0"}, ""},
		"two containers":                                         {"app=2.0, proxy=1.40", two, map[string]string{"app": "shop/reviews:2.0", "proxy": "envoy:1.40"}, ""},
		"two, and one is the same":                               {"app=2.0,proxy=1.39", two, map[string]string{"app": "shop/reviews:2.0"}, ""},
		"the same tag":                                           {"1.0", one, nil, `"1.0" is the image that runs already; write another one`},
		"a tag, and two containers":                              {"2.0", two, nil, `"2.0" does not say which of 2 containers it is for; write container=ref with one of app, proxy`},
		"a container that isn't there":                           {"db=2.0", two, nil, `"db=2.0" names container "db", which the workload lacks; write container=ref with one of app, proxy`},
		"a tag, beside an init container":                        {"2.0", init, map[string]string{"app": "shop/reviews:2.0"}, ""},
		"another repository, beside an init container":           {"shop/next:2.0", init, map[string]string{"app": "shop/next:2.0"}, ""},
		"the init container by repository":                       {"busybox:1.37", init, map[string]string{"init wait": "busybox:1.37"}, ""},
		"a tag, and two beside an init container":                {"2.0", three, nil, `"2.0" does not say which of 3 containers it is for; write container=ref with one of app, init wait, proxy`},
		"a tag, and an init container of the same program":       {"2.0", migrates, nil, `"2.0" does not say which of 2 containers it is for; write container=ref with one of app, init migrate`},
		"a reference, and an init container of the same program": {"shop/reviews:2.0", migrates, nil, `"shop/reviews:2.0" does not say which of 2 containers it is for; write container=ref with one of app, init migrate`},
		"the program in both":                                    {"app=2.0,init migrate=2.0", migrates, map[string]string{"app": "shop/reviews:2.0", "init migrate": "docker.io/shop/reviews:2.0"}, ""},
		"a tag for an image that is a bare name":                 {"2.0", map[string]string{"app": "nginx", "init wait": "busybox"}, map[string]string{"app": "nginx:2.0"}, ""},
		"none":                                                   {"", one, nil, ` is missing, so the versions would not differ; write the new image's tag, or other settings in grayscale.dev/patch`},
	} {
		t.Run(name, func(t *testing.T) {
			var main []string
			for container := range test.current {
				if !strings.HasPrefix(container, "init ") {
					main = append(main, container)
				}
			}
			got, faults := intent.Images(test.value, test.current, main)
			if test.want == nil {
				if len(faults) != 1 || !strings.HasSuffix(faults[0].Error(), test.why) {
					t.Errorf("got %v and %v, want the fault …%s", got, faults, test.why)
				}
				return
			}
			if faults != nil || !maps.Equal(got, test.want) {
				t.Errorf("got %v and %v, want %v", got, faults, test.want)
			}
		})
	}
}

func TestTag(t *testing.T) {
	for image, want := range map[string]string{
		"reviews:2.0":                                   "2.0",
		"registry:5000/shop/reviews:1.2.0_rc1":          "1.2.0_rc1",
		"registry:5000/shop/reviews":                    "",
		"reviews@sha256:" + strings.Repeat("a", 64):     "",
		"reviews:2.0@sha256:" + strings.Repeat("a", 64): "2.0",
		"not an image":                                  "",
	} {
		if got := intent.Tag(image); got != want {
			t.Errorf("Tag(%q) is %q, want %q", image, got, want)
		}
	}
}

func TestLabelValue(t *testing.T) {
	for tag, want := range map[string]string{
		"v2": "v2", "1.2.0_rc1": "1.2.0_rc1", "_2.0-": "2.0", "...": "",
		strings.Repeat("a", 62) + ".b": strings.Repeat("a", 62),
	} {
		if got := intent.LabelValue(tag); got != want {
			t.Errorf("LabelValue(%q) is %q, want %q", tag, got, want)
		}
	}
}

func TestDNSLabel(t *testing.T) {
	for version, want := range map[string]string{
		"v2": "v2", "1.2.0_rc1": "1-2-0-rc1", "V2.Beta": "v2-beta", "a__b": "a-b", "2.0_": "2-0",
	} {
		if got := intent.DNSLabel(version); got != want {
			t.Errorf("DNSLabel(%q) is %q, want %q", version, got, want)
		}
	}
}

func TestIsTask(t *testing.T) {
	for name, want := range map[string]bool{
		"abcd": true, "reviews-v2": true, "a--1": true, "a" + strings.Repeat("b", 62): true,
		"": false, "abc": false, "1abc": false, "abc-": false, "-abc": false, "ABCD": false, "ab_cd": false, "ab.cd": false,
		"abcd\n": false, "a" + strings.Repeat("b", 63): false,
	} {
		if got := intent.IsTask(name); got != want {
			t.Errorf("IsTask(%q) is %t, want %t", name, got, want)
		}
	}
}
