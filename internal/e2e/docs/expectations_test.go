package docs

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// expectation is what the examples of a section must come to, by the plugin and
// by annotation alike.
type expectation struct {
	original string            // the original Deployment; empty: reviews-v1, whose selector holds its version
	from     map[string]string // annotations, without the prefix, that are there before; none: no release
	task     string            // empty: reviews-v2
	until    string            // the goal, as kubectl grayscale wait --for has it; empty: policy
	version  string            // the grayscale version's; empty: v2
	weight   float64           // its share of the others' requests in the end, percent
	insiders bool              // it answers every request with the cookie User=Internal
	then     func(w *world, said string)
	check    func(w *world)
}

// The states from which sections begin.
var (
	ready     = map[string]string{"release": "reviews-v2", "image": "v2"}
	routing   = map[string]string{"release": "reviews-v2", "image": "v2", "weight": "25"}
	takenOver = map[string]string{"release": "reviews-v2", "image": "v2", "weight": "25", "traffic": "grayscale"}
	original  = map[string]string{"release": "reviews-v2", "image": "v2", "weight": "25", "traffic": "original"}
)

var expectations = map[string]expectation{
	"policies: Start a release":                                      {until: "ready", check: func(w *world) { w.has("reviews-v1", "reviews-v2") }},
	"policies: A share of the traffic":                               {from: ready, weight: 12.5},
	"policies: Requests by their content":                            {from: ready, insiders: true, check: otherRule},
	"policies: Requests by their content, and a share of the others": {from: ready, insiders: true, weight: 10},
	"policies: Copies of requests":                                   {from: ready, check: copied(20)},
	"policies: Blue-green":                                           {until: "takeover", weight: 100, insiders: true, check: func(w *world) { w.replicas("reviews-v2", 2) }},
	"policies: Other settings than the image": {
		task: "reviews-memory", version: "v1-memory", weight: 10, check: func(w *world) {
			w.container("reviews-v1-memory", "CACHE_MB", "1Gi")
		}},
	"policies: How many pods":    {from: ready, weight: 10, check: func(w *world) { w.replicas("reviews-v2", 3) }},
	"policies: The clone's name": {until: "ready", check: func(w *world) { w.has("reviews-next", "reviews-v1") }},
	"policies: Risks to take": {
		from: ready, until: "takeover", weight: 100, insiders: true, check: func(w *world) { w.replicas("reviews-v2", 1) }},

	"ends: Take over":            {from: routing, until: "takeover", weight: 100, insiders: true},
	"ends: Back to the original": {from: takenOver},
	"ends: Back to the policy":   {from: original, weight: 25},
	"ends: Cancel": {
		from: routing, until: "end", check: func(w *world) {
			w.has("reviews-v1")
			w.ended("Cancelled")
		}},
	"ends: Finish by replacing the original": {
		from: takenOver, until: "end", weight: 100, insiders: true, check: func(w *world) {
			w.has("reviews-v2")
			w.ended("Finished")
		}},
	"ends: Finish in place": {
		original: "reviews", from: takenOver, until: "end", weight: 100, insiders: true, check: inPlace},
	"ends: Finish in place where Git or Helm manages the original": {
		original: "reviews, by Helm", from: takenOver, until: "end", weight: 100, insiders: true, then: commits, check: inPlace},
	"ends: All the way by itself": {
		until: "end", weight: 100, insiders: true, check: func(w *world) {
			w.has("reviews-v2")
			w.ended("Finished")
		}},
}

// otherRule: the second rule of the example takes requests of phones of testers.
func otherRule(w *world) {
	tester, jason := header("end-user", "test-7"), header("end-user", "jason")
	w.tell("the second rule", []sample{tester.and(iPhone)}, []sample{tester.and(chrome), jason.and(iPhone), tester})
}

// copied: that share of the requests reaches the grayscale version as copies.
func copied(percent float64) func(*world) {
	return func(w *world) {
		before, sent := w.copies(), w.clients.sent()
		w.clients.seen(250)
		copies, requests := w.copies()-before, w.clients.sent()-sent
		if !load.Within(percent/100, requests, copies, sigmas+1) { // a few are under way at either end
			w.t.Errorf("%d of about %d requests were copied, want %g %%", copies, requests, percent)
		}
	}
}

// inPlace: the original is what stays, with the new version.
func inPlace(w *world) {
	w.has("reviews")
	w.ended("Finished")
	d := w.deployment("reviews")
	version, _, _ := unstructured.NestedString(d.Object, "spec", "template", "metadata", "labels", "version")
	containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
	if version != "v2" || !strings.Contains(fmt.Sprint(containers), "example/reviews:v2") {
		w.t.Errorf("Deployment reviews has version %q and the containers %v", version, containers)
	}
}

// commits does what status asks for, as the manager of the original would.
func commits(w *world, _ string) {
	patch := ""
	w.eventually("status to print the change to commit", func() (bool, string) {
		said := w.shell("kubectl grayscale status reviews-v2", nil)
		_, after, ok := strings.Cut(said, "as a patch:")
		patch, _, _ = strings.Cut(after, "\n\n")
		return ok && strings.Contains(said, "WaitingForSource"), said
	})
	if version := w.deployment("reviews"); strings.Contains(fmt.Sprint(version.Object["spec"]), "v2") {
		w.t.Errorf("the original was written although it is managed: %v", version.Object["spec"])
	}
	w.shell("kubectl patch deployment reviews --type strategic --patch-file change.yaml", map[string]string{"change.yaml": patch})
}
