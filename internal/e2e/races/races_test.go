package races

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// TestAThousandIntents: one has the Service, and everybody else is told so.
func TestAThousandIntents(t *testing.T) {
	s := newShop(t)
	w := witnessed(s)
	st := newStorm(s, w)
	if err := st.rages(); err != nil {
		t.Fatal(err)
	}
	winner := st.settled()
	st.told(winner)
	st.over(winner)
}

// TestWhileTheControllerRestarts: its processes are killed again and again, each
// as soon as all serve and some more clients have their answer.
func TestWhileTheControllerRestarts(t *testing.T) {
	s := newShop(t)
	st := newStorm(s, witnessed(s))
	ended := make(chan error, 1)
	go func() { ended <- st.rages() }()
	kills := 0
	for raging := true; raging; {
		before := st.answered()
		s.eventually("more answers, and a controller to kill", func() (bool, string) {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
				raging = false
				return true, ""
			default:
			}
			return st.answered() >= before+2*inFlight, fmt.Sprintf("%d answers, %d before", st.answered(), before)
		})
		for _, pod := range s.controllers() {
			if raging && process(pod.Name) != 0 {
				s.signalled(pod.Name, syscall.SIGKILL)
				kills++
			}
		}
	}
	t.Logf("killed a process of the controller %d times", kills)
	if kills < 3 {
		t.Errorf("killed a process of the controller %d times, want 3 or more", kills)
	}
	st.over(st.settled())
}

// settled waits until one release is ready and all others know that they have
// lost, and checks the answers.
func (st *storm) settled() *release.Status {
	st.Helper()
	var winner *release.Status
	st.eventually("one release that is ready, and all others rejected", func() (bool, string) {
		claim, history := st.claim()
		if claim == nil || claim.Phase != release.Ready {
			return false, fmt.Sprintf("the claim is %+v", claim)
		}
		winner = claim
		for name, d := range st.deployments() {
			task := d.Annotations[intent.KeyRelease]
			if task != "" && task != claim.Task && !history.IsSpent(task, d.UID) {
				return false, fmt.Sprintf("release %s of Deployment %s is not rejected", task, name)
			}
		}
		return true, ""
	})
	st.Logf("%s has the Service; answers: %v, asked again for: %v", winner.Task, st.tally, st.retries)
	if sum := st.answered(); sum != intents {
		st.Errorf("%d of %d intents have an answer", sum, intents)
	}
	if st.asked[winner.Original.Name] != winner.Task {
		st.Errorf("release %s of Deployment %s has the Service, and was never admitted", winner.Task, winner.Original.Name)
	}
	if named := slices.Collect(maps.Keys(st.holders)); len(named) != 1 || named[0] != winner.Task {
		st.Errorf("the refusals named %v, want %s alone", st.holders, winner.Task)
	}
	stand := map[string]string{}
	for name, d := range st.deployments() {
		if task := d.Annotations[intent.KeyRelease]; task != "" {
			stand[name] = task
		}
	}
	if !maps.Equal(stand, st.asked) {
		st.Errorf("the Deployments ask for %v, and were answered that %v is admitted", stand, st.asked)
	}
	st.Lock()
	defer st.Unlock()
	if st.tally[held] == 0 || st.tally[heldToo] == 0 || st.tally[again] == 0 {
		st.Errorf("the answers are %v, want some of each that a race has", st.tally)
	}
	return winner
}

// told: an event on each Deployment that lost says to whom.
func (st *storm) told(winner *release.Status) {
	st.Helper()
	st.eventually("an event on each Deployment that lost", func() (bool, string) {
		var list eventsv1.EventList
		if err := cluster.List(st.Context(), &list, client.InNamespace(st.namespace)); err != nil {
			st.Fatal(err)
		}
		told := map[string]bool{winner.Original.Name: true}
		for _, e := range list.Items {
			if e.Reason == string(release.Rejected) && strings.Contains(e.Note, winner.Task) {
				told[e.Regarding.Name] = true
			}
		}
		for name := range st.asked {
			if !told[name] {
				return false, "none on Deployment " + name
			}
		}
		return true, ""
	})
}

// over ends the release that won. Who lost does not start then: the Service is
// for somebody who asks anew, and whose name comes last.
func (st *storm) over(winner *release.Status) {
	st.Helper()
	if err := st.annotated(st.Context(), cluster, winner.Original.Name, map[string]string{intent.KeyEnd: string(intent.EndCancel)}); err != nil {
		st.Fatalf("cancelling release %s: %v", winner.Task, err)
	}
	st.eventually("the end of release "+winner.Task, func() (bool, string) {
		claim, _ := st.claim()
		return claim == nil, fmt.Sprintf("%+v", claim)
	})
	next := original{name: "reviews-z", version: "v-next"}
	st.made(st.deployment(next.name, next.version))
	st.eventually("the next release", func() (bool, string) {
		if err := st.annotated(st.Context(), cluster, next.name, map[string]string{intent.KeyRelease: "next", intent.KeyImage: "next"}); err != nil {
			return false, err.Error()
		}
		claim, _ := st.claim()
		return claim != nil && claim.Phase == release.Ready, fmt.Sprintf("%+v", claim)
	})
	want := fmt.Sprintf("clones %v, claims [%s next]", []string{winner.Clone, "reviews-z-next"}, winner.Task)
	st.eventually("both API servers to have shown both releases", func() (bool, string) {
		seen := st.witness.states(func(v *view) string {
			return fmt.Sprintf("clones %v, claims %v", slices.Sorted(maps.Values(v.seen)), v.claims)
		})
		return !slices.ContainsFunc(seen, func(s string) bool { return s != want }), fmt.Sprintf("%q, want %q", seen, want)
	})
	for _, wrong := range st.witness.complaints() {
		st.Error(wrong)
	}
}
