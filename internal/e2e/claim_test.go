package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// twoVersions routes to two versions by subsets, so that each may be released.
const twoVersions = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: w1, labels: {version: w1}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 60}
    - {destination: {host: reviews, subset: w1}, weight: 40}
`

// twoAtOnce: two Deployments under one Service ask at the same moment. One has
// the Service; the other is told who, and never starts.
func twoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.apply(makeService("reviews", "reviews"), makeDeployment("reviews-v1").YAML(), makeDeployment("reviews-w1").Version("w1").YAML(), twoVersions)
	w.rolledOut("reviews-v1", "reviews-w1")
	tr := w.trafficTo("", throughSidecar(w.namespace, "reviews"))
	tr.phase("races", only("v1", "w1")) // and never a grayscale version
	for round := range 3 {
		w.race(round)
	}
	// What the losers asked for stays in their ReplicaSets, spent: theirs to keep.
	for _, left := range w.leftovers() {
		if !strings.HasPrefix(left, "ReplicaSet") {
			t.Errorf("left behind: %s", left)
		}
	}
}

// race has both ask at once, and the one that has the Service cancel.
func (w *world) race(round int) {
	tasks := map[string]string{"reviews-v1": fmt.Sprintf("first-%d", round), "reviews-w1": fmt.Sprintf("second-%d", round)}
	answers, mu, asked := map[string]string{}, sync.Mutex{}, sync.WaitGroup{}
	for original, task := range tasks {
		asked.Go(func() {
			out, err := w.try("", append([]string{"annotate", "deployment", original, "--overwrite"}, annotations([]string{"release=" + task, "image=" + strings.Replace(original, "1", "2", 1)[len("reviews-"):]})...)...)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				answers[original] = out
			}
		})
	}
	asked.Wait()
	winner := w.untilPhase(release.Ready)
	loser := map[string]string{"reviews-v1": "reviews-w1", "reviews-w1": "reviews-v1"}[winner.Original.Name]
	if answer, refused := answers[loser]; refused {
		if !strings.Contains(answer, winner.Task) {
			w.t.Errorf("round %d: the refusal does not name the holder %s: %s", round, winner.Task, answer)
		}
	} else {
		w.rejected(loser, tasks[loser], winner.Task)
	}
	if clones := names(w.list(deployments, client.HasLabels{intent.LabelTask})); len(clones) != 1 || clones[0] != winner.Clone {
		w.t.Errorf("round %d: the clones are %v, want %s alone", round, clones, winner.Clone)
	}
	w.annotate(winner.Original.Name, "end=cancel")
	w.eventually("the end of "+winner.Task, func() (bool, string) {
		return w.status("reviews") == nil, describe(w.status("reviews"))
	})
	if clones := names(w.list(deployments, client.HasLabels{intent.LabelTask})); len(clones) != 0 {
		w.t.Errorf("round %d: the clones are %v after the end, want none: who lost never starts by itself", round, clones)
	}
	// What the loser asked for is still written there; it takes it back.
	if w.get(deployments, loser).GetAnnotations()[intent.KeyRelease] != "" {
		w.kubectl("annotate", "deployment", loser, intent.KeyRelease+"-", intent.KeyImage+"-", intent.KeyBy+"-")
	}
}

// rejected waits until history and an event say that a release lost, and to whom.
func (w *world) rejected(original, task, holder string) {
	w.eventually(task+" to be rejected", func() (bool, string) {
		for _, e := range w.history("reviews") {
			if e.Task == task {
				return e.Phase == release.Rejected && strings.Contains(e.Message, holder), fmt.Sprintf("%+v", e)
			}
		}
		return false, "no entry of it"
	})
	w.told(string(release.Rejected), original, holder)
}

// secondCloneByHand: a copy of the clone under another name is refused, with
// the release that holds the Service.
func secondCloneByHand(t *testing.T) {
	w := newWorld(t)
	w.bookshop()
	tr := w.traffic()
	w.annotate("reviews-v1", "release=first", "image=v2")
	clone := w.get(deployments, w.untilPhase(release.Ready).Clone)
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
		unstructured.RemoveNestedField(clone.Object, "metadata", field)
	}
	delete(clone.Object, "status")
	clone.SetName("reviews-by-hand")
	text, err := yaml.Marshal(clone.Object)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.try(string(text), "create", "-f", "-")
	if err == nil || !strings.Contains(out, "first") || !strings.Contains(out, "reviews") {
		t.Errorf("a second clone: %v, want a refusal that names release first: %s", err, out)
	}
	if w.get(deployments, "reviews-by-hand") != nil {
		t.Error("the second clone was made")
	}
	tr.seen(50)
	w.annotate("reviews-v1", "end=cancel")
	w.untilEnded("reviews", "first", release.Cancelled)
	w.clean()
}
