package e2e

import (
	_ "embed"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

// bookinfoReviews are three versions of reviews under one Service.
//
//go:embed testdata/bookinfo.yaml
var bookinfoReviews string

// versionless sends to all versions; by subset, as the sample's tasks do, each
// caller gets its version.
const versionless = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews}}]
`

const bySubset = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - name: jason
    match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - name: anna
    match: [{headers: {end-user: {exact: anna}}}]
    route: [{destination: {host: reviews, subset: v3}}]
  - name: all
    route: [{destination: {host: reviews, subset: v1}}]
`

// bookinfo: where a route could reach any of three versions a release is
// refused with their list; where each route names its version, one is released,
// and callers of the others notice nothing.
func bookinfo(t *testing.T) {
	w := newWorld(t)
	w.apply(bookinfoReviews, versionless)
	w.rolledOut("reviews-v1", "reviews-v2", "reviews-v3")
	start := []string{"release=reviews-v4", "image=1.20.4", "version=v4", "weight=50"}
	answer := w.refused(append([]string{"annotate", "deployment", "reviews-v1"}, annotations(start)...)...)
	for _, word := range []string{"VirtualService " + w.namespace + "/reviews", "subset", "v2", "v3"} {
		if !strings.Contains(answer, word) {
			t.Errorf("the refusal lacks %q: %s", word, answer)
		}
	}

	w.apply(bySubset)
	before := spec(t, w.get(virtualServices, "reviews"))
	everybody, jason, anna := w.trafficTo("v1", w.caller("")), w.trafficTo("v2", w.caller("jason")), w.trafficTo("v3", w.caller("anna"))
	w.annotate("reviews-v1", start...)
	everybody.phase("to 50 %", only("v1", "v4"))
	if s := w.untilLive("50"); !strings.Contains(s.Strict, "further versions") {
		t.Errorf("strict: %q, want a sentence about the further versions", s.Strict)
	}
	everybody.more(30)
	everybody.phase("50 %", split("v1", "v4", 50))
	everybody.seen(200)
	jason.seen(50)
	anna.seen(50)
	w.cancels(everybody, "reviews-v4", "v4")
	if after := spec(t, w.get(virtualServices, "reviews")); after != before {
		t.Errorf("VirtualService reviews is\n%s\nand was\n%s", after, before)
	}
	w.clean()
}

// caller sends as that user.
func (w *world) caller(user string) load.Target {
	target := throughSidecar(w.namespace, "reviews")
	target.Workers, target.Rate = 2, 40
	if user != "" {
		target.Header = http.Header{"end-user": {user}}
	}
	return target
}
