package intent_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// with gives the annotations of a good intent, with these changed: "weight=10"
// writes, "image-" removes.
func with(pairs ...string) map[string]string {
	out := map[string]string{}
	for _, pair := range append([]string{"release=reviews-v2", "image=2.0"}, pairs...) {
		key, value, writes := strings.Cut(pair, "=")
		if writes {
			out[intent.Prefix+key] = value
		} else {
			delete(out, intent.Prefix+strings.TrimSuffix(key, "-"))
		}
	}
	return out
}

func TestParseGood(t *testing.T) {
	bare := intent.Intent{Release: "reviews-v2", Image: "2.0", Form: intent.Canary, Traffic: intent.TrafficPolicy}
	for name, test := range map[string]struct {
		pairs  []string
		change func(*intent.Intent)
	}{
		"defaults":            {nil, func(*intent.Intent) {}},
		"shortest task":       {[]string{"release=abcd"}, func(i *intent.Intent) { i.Release = "abcd" }},
		"longest task":        {[]string{"release=a" + strings.Repeat("b", 62)}, func(i *intent.Intent) { i.Release = "a" + strings.Repeat("b", 62) }},
		"form":                {[]string{"form=canary"}, func(*intent.Intent) {}},
		"service":             {[]string{"service=reviews"}, func(i *intent.Intent) { i.Service = "reviews" }},
		"version":             {[]string{"version=1.2.0_rc1"}, func(i *intent.Intent) { i.Version = "1.2.0_rc1" }},
		"name":                {[]string{"name=reviews.canary"}, func(i *intent.Intent) { i.Name = "reviews.canary" }},
		"replicas":            {[]string{"replicas=3"}, func(i *intent.Intent) { i.Replicas = 3 }},
		"replicas auto":       {[]string{"replicas=auto"}, func(*intent.Intent) {}},
		"weight":              {[]string{"weight=12.5"}, func(i *intent.Intent) { i.Weight = 1250 }},
		"traffic":             {[]string{"traffic=grayscale"}, func(i *intent.Intent) { i.Traffic = intent.TrafficGrayscale }},
		"end":                 {[]string{"end=finish"}, func(i *intent.Intent) { i.End = intent.EndFinish }},
		"accept, twice":       {[]string{"accept=undersized, undersized"}, func(i *intent.Intent) { i.Accept = []intent.Risk{intent.Undersized} }},
		"accept nothing":      {[]string{"accept="}, func(*intent.Intent) {}},
		"by":                  {[]string{"by=jane"}, func(i *intent.Intent) { i.By = "jane" }},
		"finish":              {[]string{"finish=replace"}, func(i *intent.Intent) { i.Finish = intent.Replace }},
		"image by digest":     {[]string{"image=shop/reviews@sha256:" + strings.Repeat("a", 64)}, func(i *intent.Intent) { i.Image = "shop/reviews@sha256:" + strings.Repeat("a", 64) }},
		"image by container":  {[]string{"image=app=2.0,proxy=envoy:1.40"}, func(i *intent.Intent) { i.Image = "app=2.0,proxy=envoy:1.40" }},
		"image of a registry": {[]string{"image=registry:5000/shop/reviews:2.0"}, func(i *intent.Intent) { i.Image = "registry:5000/shop/reviews:2.0" }},
	} {
		t.Run(name, func(t *testing.T) {
			want := bare
			test.change(&want)
			got, faults := intent.Parse(with(test.pairs...))
			if err := faults.Err(); err != nil {
				t.Fatalf("refused: %v", err)
			}
			if !equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func equal(a, b intent.Intent) bool {
	sameAccept := slices.Equal(a.Accept, b.Accept)
	a.Accept, b.Accept = nil, nil
	return sameAccept && a.Release == b.Release && a.Form == b.Form && a.Service == b.Service && a.Version == b.Version &&
		a.Image == b.Image && a.Name == b.Name && a.Replicas == b.Replicas && a.Weight == b.Weight && a.Traffic == b.Traffic &&
		a.End == b.End && a.By == b.By && a.Finish == b.Finish
}

// TestParseBad: each bad value has one fault, which reads as a sentence that
// names the key, the value, why, and what would be right.
func TestParseBad(t *testing.T) {
	const (
		percentage = ` is not a percentage: write 0 to 100 with at most two decimals, without a sign or %`
		task       = ` is not a task name; write 4 to 63 characters a-z 0-9 -, starting with a letter and ending with a letter or digit`
		dns        = `; write a DNS name (a-z 0-9 - ., starting and ending with a letter or digit)`
		label      = ` is not a label value; write at most 63 characters A-Z a-z 0-9 - _ ., starting and ending with a letter or digit`
		count      = ` is not a number of replicas; write auto or a whole number from 1`
		patch      = `; write a YAML strategic merge patch of the pod template, such as spec: {containers: [{name: app, env: [{name: A, value: b}]}]}`
		image      = `; write tag, repo:tag, repo@sha256:…, or container=ref,container=ref`
	)
	for _, test := range []struct {
		pair, want string
		kind       intent.Kind
	}{
		{"release-", `release is missing; write the task's name`, intent.Required},
		{"release=", `release is empty; write 4 to 63 characters a-z 0-9 -, starting with a letter and ending with a letter or digit, or remove the key`, intent.Invalid},
		{"release=abc", `release: "abc"` + task, intent.Invalid},
		{"release=a" + strings.Repeat("b", 63), `release: "a` + strings.Repeat("b", 63) + `"` + task, intent.Invalid},
		{"release=1abc", `release: "1abc"` + task, intent.Invalid},
		{"release=abc-", `release: "abc-"` + task, intent.Invalid},
		{"release=Abcd", `release: "Abcd"` + task, intent.Invalid},
		{"release=ab.cd", `release: "ab.cd"` + task, intent.Invalid},
		{"form=red-black", `form: "red-black" is not a legal value; write canary or blue-green`, intent.Invalid},
		{"form=", `form is empty; write canary or blue-green, or remove the key`, intent.Invalid},
		{"form=blue-green + weight=10", `weight: "10" is a partial policy, which form: blue-green does not have; remove it, and write grayscale.dev/traffic: grayscale or original`, intent.Forbidden},
		{"form=blue-green + mirror=10", `mirror: "10" is a partial policy, which form: blue-green does not have; remove it, and write grayscale.dev/traffic: grayscale or original`, intent.Forbidden},
		{"service=Reviews", `service: "Reviews" can't be the name of a Service` + dns, intent.Invalid},
		{"name=-reviews", `name: "-reviews" can't be the name of the clone` + dns, intent.Invalid},
		{"version=-v2", `version: "-v2"` + label, intent.Invalid},
		{"version=v 2", `version: "v 2"` + label, intent.Invalid},
		{"version=" + strings.Repeat("v", 64), `version: "` + strings.Repeat("v", 64) + `"` + label, intent.Invalid},
		{"replicas=0", `replicas: "0"` + count, intent.Invalid},
		{"replicas=-1", `replicas: "-1"` + count, intent.Invalid},
		{"replicas=+1", `replicas: "+1"` + count, intent.Invalid},
		{"replicas=1.5", `replicas: "1.5"` + count, intent.Invalid},
		{"replicas=99999999999", `replicas: "99999999999"` + count, intent.Invalid},
		{"weight=101", `weight: "101" is more than the whole traffic: write 0 to 100`, intent.Invalid},
		{"weight=100.01", `weight: "100.01" is more than the whole traffic: write 0 to 100`, intent.Invalid},
		{"weight=1e2", `weight: "1e2"` + percentage, intent.Invalid},
		{"weight=-1", `weight: "-1"` + percentage, intent.Invalid},
		{"weight=10%", `weight: "10%"` + percentage, intent.Invalid},
		{"weight=0.125", `weight: "0.125"` + percentage, intent.Invalid},
		{"weight=.5", `weight: ".5"` + percentage, intent.Invalid},
		{"weight=5.", `weight: "5."` + percentage, intent.Invalid},
		{"weight=", `weight` + percentage, intent.Invalid},
		{"traffic=all", `traffic: "all" is not a legal value; write policy or grayscale or original`, intent.Invalid},
		{"end=abort", `end: "abort" is not a legal value; write finish or cancel`, intent.Invalid},
		{"finish=rename", `finish: "rename" is not a legal value; write in-place or replace`, intent.Invalid},
		{"accept=everything", `accept: "everything" is not a risk; write a list of unrouted, undersized, managed, unprotected`, intent.Invalid},
		{"mirror=10 + weight=10", `mirror: "10" needs weight 0: a version that answers a share itself can't be a mirror too; write grayscale.dev/weight: "0", or remove one of them`, intent.Forbidden},
		{"mirror=101", `mirror: "101" is more than the whole traffic: write 0 to 100`, intent.Invalid},
		{"patch={}", `patch: "{}" changes nothing` + patch, intent.Invalid},
		{"patch=", `patch is empty` + patch + `, or remove the key`, intent.Invalid},
		{"patch=replicas: 2", `patch: "replicas" is not a field of a pod template` + patch, intent.Invalid},
		{"patch={metadata: {labels: {a: b}}}", `patch: "{metadata: {labels: {a: b}}}" changes the pods' labels, by which Services and subsets select them; leave metadata.labels out: the grayscale version's are set for you`, intent.Forbidden},
		{"patch={spec: {}, spec: {}}", `patch: "{spec: {}, spec: {}}" is not a YAML object: yaml: unmarshal errors: line 1: key "spec" already set in map` + patch, intent.Invalid},
		{"wieght=10", `wieght: "10" is not a key of ours; use one of release, form, service, version, image, patch, name, replicas, weight, match, mirror, traffic, end, accept, by, finish`, intent.Invalid},
		{"image=shop/reviews", `image: "shop/reviews" holds "shop/reviews", which has neither tag nor digest` + image, intent.Invalid},
		{"image=a b", `image: "a b" holds "a b", which is no image reference` + image, intent.Invalid},
		{"image=", `image holds "", which is no image reference` + image, intent.Invalid},
		{"image=app=2.0,app=3.0", `image: "app=2.0,app=3.0" names container "app" twice` + image, intent.Invalid},
		{"image=2.0,proxy=3.0", `image: "2.0,proxy=3.0" mixes a plain reference with container=ref` + image, intent.Invalid},
		{"image==2.0", `image: "=2.0" has a reference without a container` + image, intent.Invalid},
	} {
		t.Run(test.pair, func(t *testing.T) {
			_, faults := intent.Parse(with(strings.Split(test.pair, " + ")...))
			if len(faults) != 1 {
				t.Fatalf("%d faults, want 1: %v", len(faults), faults)
			}
			if got, want := faults[0].Error(), intent.Prefix+test.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if faults[0].Kind != test.kind {
				t.Errorf("kind %s, want %s", faults[0].Kind, test.kind)
			}
		})
	}
}

// TestParseAll: all faults come at once, unknown keys first, then in the order
// of the keys.
func TestParseAll(t *testing.T) {
	bad := map[string]string{}
	for _, key := range intent.Keys {
		bad[key] = "%"
	}
	bad[intent.Prefix+"zzz"] = "1"
	delete(bad, intent.KeyBy) // any text is a name
	_, faults := intent.Parse(bad)
	var at []string
	for _, f := range faults {
		at = append(at, f.At)
	}
	want := append([]string{intent.Prefix + "zzz"}, slices.DeleteFunc(slices.Clone(intent.Keys), func(k string) bool { return k == intent.KeyBy })...)
	if !slices.Equal(at, want) {
		t.Errorf("faults at %v, want %v", at, want)
	}
	if lines := strings.Split(faults.Error(), "\n"); len(lines) != len(want) {
		t.Errorf("%d lines for %d faults", len(lines), len(want))
	}
}

func TestForeignAnnotations(t *testing.T) {
	in := with("weight=1")
	in["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
	in["notgrayscale.dev/weight"] = "900"
	if _, faults := intent.Parse(in); faults != nil {
		t.Errorf("refused: %v", faults)
	}
	if got := intent.Of(in); !maps.Equal(got, with("weight=1")) {
		t.Errorf("Of gives %v", got)
	}
}

func TestStarts(t *testing.T) {
	if !intent.Starts(with()) || intent.Starts(with("release-")) || intent.Starts(nil) {
		t.Error("an intent starts a release exactly when it has the key release")
	}
}

func TestAsked(t *testing.T) {
	for name, test := range map[string]struct {
		in   intent.Intent
		want intent.Weight
	}{
		"policy":              {intent.Intent{Weight: 1250, Traffic: intent.TrafficPolicy}, 1250},
		"take-over":           {intent.Intent{Weight: 1250, Traffic: intent.TrafficGrayscale}, intent.Full},
		"original":            {intent.Intent{Weight: 1250, Traffic: intent.TrafficOriginal}, 0},
		"cancel":              {intent.Intent{Weight: 1250, Traffic: intent.TrafficGrayscale, End: intent.EndCancel}, 0},
		"finish, not all yet": {intent.Intent{Weight: 1250, Traffic: intent.TrafficPolicy, End: intent.EndFinish}, 1250},
	} {
		if got := test.in.Asked().Weight; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
