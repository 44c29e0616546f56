package release_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func TestResolve(t *testing.T) {
	v1 := workload("reviews-v1", "version=v1")
	reviews := service("reviews", "app=reviews")
	long := workload(strings.Repeat("a", 64), "version=v1")
	longish := workload(strings.Repeat("a", 61), "version=v1")
	longInPlace := workload(longish.Name, "version=v1")
	delete(longInPlace.Selector.MatchLabels, "version")
	inPlace := workload("reviews", "version=v1")
	delete(inPlace.Selector.MatchLabels, "version")
	expression := workload("reviews-v1", "version=v1")
	expression.Selector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "version", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"v0"}}}}
	two := workload("reviews-v1", "version=v1")
	two.Images = map[string]string{"app": "shop/reviews:1.0", "proxy": "envoy:1.39"}
	external := reviews
	external.Type = "ExternalName"
	headless := reviews
	headless.Headless = true
	elsewhere := service("far", "app=reviews")
	elsewhere.Namespace = "elsewhere"

	for name, test := range map[string]struct {
		pairs    []string
		original release.Workload
		services []release.Service
		beside   []release.Workload
		label    string
		want     string // all faults, one a line; empty: resolved
		check    func(release.Spec) bool
	}{
		"all by default": {[]string{"version-"}, v1, []release.Service{reviews, service("other", "app=other"), service("none"), elsewhere}, nil, "", "", func(s release.Spec) bool {
			return s.Service.Name == "reviews" && s.Clone == "reviews-2-0" && s.Versions.Grayscale == "2.0" && s.Versions.Original == "v1" &&
				s.Versions.Label == "version" && s.Finish == intent.Replace && maps.Equal(s.Images, map[string]string{"app": "shop/reviews:2.0"})
		}},
		"no Service": {nil, v1, []release.Service{service("other", "app=other"), service("none")}, nil, "",
			`grayscale.dev/service is missing, and no Service selects the pods of Deployment shop/reviews-v1; create one first`, nil},
		"two Services": {nil, v1, []release.Service{service("b", "app=reviews"), service("a", "app=reviews")}, nil, "",
			`grayscale.dev/service is missing, and 2 Services select the pods of Deployment shop/reviews-v1; write one of a, b`, nil},
		"two Services, one named": {[]string{"service=b"}, v1, []release.Service{service("b", "app=reviews"), service("a", "app=reviews")}, nil, "", "",
			func(s release.Spec) bool { return s.Service.Name == "b" }},
		"a Service that selects nothing of it": {[]string{"service=other"}, v1, []release.Service{reviews, service("other", "app=other")}, nil, "",
			`grayscale.dev/service: "other" is not a Service that selects the pods of Deployment shop/reviews-v1; write one of reviews`, nil},
		"a Service named, and none there": {[]string{"service=other"}, v1, nil, nil, "",
			`grayscale.dev/service: "other" is not a Service that selects the pods of Deployment shop/reviews-v1; no Service selects them: create one first`, nil},
		"ExternalName": {nil, v1, []release.Service{external}, nil, "",
			`Service shop/reviews: "ExternalName" is a name outside the mesh, whose traffic no route can split; use a Service of type ClusterIP (Unsupported)`, nil},
		"headless": {nil, v1, []release.Service{headless}, nil, "",
			`Service shop/reviews: "clusterIP: None" is headless: callers choose a pod by themselves; use a Service with a cluster IP (Unsupported)`, nil},
		"no version label": {nil, workload("reviews"), []release.Service{reviews}, nil, "",
			`Deployment shop/reviews has no version label on its pod template, so the two versions could not be told apart; apply once: kubectl -n shop patch deployment reviews -p '{"spec":{"template":{"metadata":{"labels":{"version":"v1"}}}}}'`, nil},
		"the second version label": {nil, workload("reviews", "app.kubernetes.io/version=v1"), []release.Service{reviews}, nil, "", "",
			func(s release.Spec) bool {
				return s.Versions.Label == "app.kubernetes.io/version" && s.Clone == "reviews-v2" && s.Finish == intent.Replace
			}},
		"the controller's label first": {nil, workload("reviews", "version=v1", "track=stable", "app.kubernetes.io/version=1.0"), []release.Service{reviews}, nil, "track", "",
			func(s release.Spec) bool {
				return s.Versions.Label == "track" && s.Versions.Original == "stable" && slices.Equal(s.Versions.VersionLabels, []string{"track", "version", "app.kubernetes.io/version"})
			}},
		"the controller's label is not there": {nil, v1, []release.Service{reviews}, nil, "track", "",
			func(s release.Spec) bool { return s.Versions.Label == "version" }},
		"the original's own version": {[]string{"version=v1", "name=clone"}, v1, []release.Service{reviews}, nil, "",
			`grayscale.dev/version: "v1" is the version of the original, Deployment shop/reviews-v1; write another one`, nil},
		"another's version": {[]string{"version=v3", "name=clone"}, v1, []release.Service{reviews}, []release.Workload{workload("old", "version=v3")}, "",
			`grayscale.dev/version: "v3" is the version of Deployment shop/old under the same Service; write another one`, nil},
		"a third version": {nil, v1, []release.Service{reviews}, []release.Workload{workload("old", "version=v3"), workload("older", "version=v0")}, "", "",
			func(s release.Spec) bool { return slices.Equal(s.Versions.Others, []string{"v0", "v3"}) }},
		"another Deployment of its version": {nil, v1, []release.Service{reviews}, []release.Workload{workload("spot", "version=v1")}, "",
			`Deployment shop/spot: "v1" is its version label version under Service shop/reviews, as it is of Deployment shop/reviews-v1: a finish would leave it behind; give it another version, or take it out of the Service`, nil},
		"two images, no version": {[]string{"version-", "image=app=2.0,proxy=1.40"}, two, []release.Service{reviews}, nil, "",
			`grayscale.dev/version is missing, and several images change; write the grayscale version, a label value such as v2`, nil},
		"a digest, no version": {[]string{"version-", "image=shop/reviews@sha256:" + strings.Repeat("a", 64)}, v1, []release.Service{reviews}, nil, "",
			`grayscale.dev/version is missing, and the new image has no tag to take it from; write the grayscale version, a label value such as v2`, nil},
		"no image change": {[]string{"image=1.0"}, v1, []release.Service{reviews}, nil, "",
			`grayscale.dev/image: "1.0" is the image that runs already; write another one`, nil},
		"the clone's name is taken": {nil, v1, []release.Service{reviews}, []release.Workload{{Namespace: "shop", Name: "reviews-v2"}}, "",
			`grayscale.dev/name: "reviews-v2" is the name of Deployment shop/reviews-v2 already; write another one for the clone`, nil},
		"another name": {[]string{"name=canary"}, v1, []release.Service{reviews}, []release.Workload{{Namespace: "shop", Name: "reviews-v2"}}, "", "",
			func(s release.Spec) bool { return s.Clone == "canary" }},
		"a long name": {nil, long, []release.Service{reviews}, nil, "",
			"Deployment shop/" + long.Name + " has a name of 64 characters, and a label of the clone must hold it; a release needs at most 63 (Unsupported)", nil},
		"a default name that is too long for the next release": {nil, longish, []release.Service{reviews}, nil, "",
			`grayscale.dev/name: "` + longish.Name + `-v2" would be the clone's name, of 64 characters, and as the version that stays it could not be released again; write grayscale.dev/name with a name of at most 63`, nil},
		"a default name that is as long as may be": {nil, workload(longish.Name[1:], "version=v1"), []release.Service{reviews}, nil, "", "",
			func(s release.Spec) bool { return len(s.Clone) == 63 }},
		"a long default name, in place": {nil, longInPlace, []release.Service{reviews}, nil, "", "", func(s release.Spec) bool { return len(s.Clone) == 64 }},
		"a short name in its place":     {[]string{"name=canary"}, longish, []release.Service{reviews}, nil, "", "", func(s release.Spec) bool { return s.Clone == "canary" }},
		"in-place by default":           {nil, inPlace, []release.Service{reviews}, nil, "", "", func(s release.Spec) bool { return s.Finish == intent.InPlace }},
		"in-place by default, replace written": {[]string{"finish=replace"}, inPlace, []release.Service{reviews}, nil, "", "",
			func(s release.Spec) bool { return s.Finish == intent.Replace }},
		"a selector with an expression of the version": {nil, expression, []release.Service{reviews}, nil, "", "", func(s release.Spec) bool { return s.Finish == intent.Replace }},
		"in place, and a selector with an expression of the version": {[]string{"finish=in-place"}, expression, []release.Service{reviews}, nil, "",
			`grayscale.dev/finish: "in-place" can't be: the selector of Deployment shop/reviews-v1 holds a version label, and is immutable; write replace`, nil},
		"all at once": {[]string{"version=v1", "image=1.0"}, v1, nil, nil, "", strings.Join([]string{
			`grayscale.dev/service is missing, and no Service selects the pods of Deployment shop/reviews-v1; create one first`,
			`grayscale.dev/image: "1.0" is the image that runs already; write another one`,
			`grayscale.dev/version: "v1" is the version of the original, Deployment shop/reviews-v1; write another one`,
			`grayscale.dev/name: "reviews-v1" is the name of Deployment shop/reviews-v1 already; write another one for the clone`,
		}, "\n"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			world := release.World{Services: test.services, Workloads: append(test.beside, test.original), VersionLabel: test.label}
			spec, faults := release.Resolve(asked(t, test.pairs...), test.original, world)
			if got := faults.Error(); got != test.want {
				t.Fatalf("got  %s\nwant %s", got, test.want)
			}
			if test.check != nil && !test.check(spec) {
				t.Errorf("resolved to %+v", spec)
			}
		})
	}
}

func TestCloneName(t *testing.T) {
	for _, test := range []struct{ original, version, next, want string }{
		{"reviews-v1", "v1", "v2", "reviews-v2"},
		{"reviews", "v1", "v2", "reviews-v2"},
		{"reviews-1-0", "1.0", "1.1_rc", "reviews-1-1-rc"},
		{"reviews-v10", "v1", "v2", "reviews-v10-v2"},
		{"reviews-v1-v1", "v1", "v2", "reviews-v1-v2"},
		{"reviews-", "", "v2", "reviews--v2"},
		{"v1", "v1", "v2", "v1-v2"},
		{"-v1", "v1", "v2", "-v1-v2"},
	} {
		if got := release.CloneName(test.original, test.version, test.next); got != test.want {
			t.Errorf("CloneName(%q, %q, %q) is %q, want %q", test.original, test.version, test.next, got, test.want)
		}
	}
}

// TestMainContainers: a tag alone is for the container that is no init container.
func TestMainContainers(t *testing.T) {
	d := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"initContainers": []any{map[string]any{"name": "wait", "image": "busybox:1.36"}},
		"containers":     []any{map[string]any{"name": "app", "image": "shop/reviews:1.0"}},
	}}}}}
	original := release.WorkloadOf(d)
	original.Namespace, original.Name, original.Template = "shop", "reviews-v1", map[string]string{"app": "reviews", "version": "v1"}
	spec, faults := release.Resolve(asked(t), original, release.World{Services: []release.Service{service("reviews", "app=reviews")}})
	if len(faults) > 0 || !maps.Equal(spec.Images, map[string]string{"app": "shop/reviews:2.0"}) {
		t.Errorf("got %v and %v, want the tag on app alone", spec.Images, faults)
	}
}

func TestReplicas(t *testing.T) {
	for _, test := range []struct {
		share       intent.Weight
		fixed, peak int32
		want        int32
	}{
		{0, 0, 4, 1}, {1, 0, 4, 1}, {2500, 0, 4, 1}, {2501, 0, 4, 2}, {5000, 0, 5, 3}, {10000, 0, 4, 4}, {10000, 0, 0, 1},
		{10000, 2, 4, 2}, {0, 2, 4, 2}, {50, 0, 1000, 5}, {9999, 0, 2_000_000_000, 1_999_800_000},
	} {
		if got := release.Replicas(intent.Share{Weight: test.share}, intent.Canary, test.fixed, test.peak); got != test.want {
			t.Errorf("Replicas(%s %%, fixed %d, peak %d) is %d, want %d", test.share, test.fixed, test.peak, got, test.want)
		}
	}
}

func TestSelecting(t *testing.T) {
	v := release.Versions{Label: "version", Original: "v1", Grayscale: "v2", OriginalLabels: map[string]string{"app": "reviews", "version": "v1"}, VersionLabels: []string{"version"}}
	for _, test := range []struct {
		labels     map[string]string
		some, only bool
	}{
		{map[string]string{}, true, false},
		{map[string]string{"app": "reviews"}, true, false},
		{map[string]string{"version": "v1"}, true, true},
		{map[string]string{"app": "reviews", "version": "v1"}, true, true},
		{map[string]string{"version": "v2"}, false, false},
		{map[string]string{"app": "ratings", "version": "v1"}, false, false},
	} {
		if v.SelectsOriginal(test.labels) != test.some || v.SelectsOnlyOriginal(test.labels) != test.only {
			t.Errorf("%v: SelectsOriginal %t, SelectsOnlyOriginal %t; want %t, %t", test.labels, v.SelectsOriginal(test.labels), v.SelectsOnlyOriginal(test.labels), test.some, test.only)
		}
	}
}
