package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var (
	soakFor  = flag.Duration("soak", 25*time.Second, "how long random releases go on")
	soakSeed = flag.Uint64("soak.seed", uint64(time.Now().UnixNano()), "of the random releases")
	soakKill = flag.Bool("soak.kill", false, "the controller is killed now and then; nothing else may run beside")
)

// soaked: random releases under load, one after the other, with somebody who
// edits, scales, deletes and kills all the while. Nothing fails, no answer is of
// the wrong version, and at each end the user's objects are what he made them.
func soaked(t *testing.T) {
	fmt.Printf("soak: %s with seed %d\n", *soakFor, *soakSeed)
	sum := &tally{}
	t.Run("apps", func(t *testing.T) {
		for n, app := range []soakApp{
			{name: "replace", deployment: "reviews-v1", documents: []string{makeDeployment("reviews-v1").Replicas(2).YAML(), frontRoutes, meshRoutes}},
			{name: "in-place", deployment: "reviews", documents: []string{stable(""), frontRoutes, subsetRoutes, meshRule}},
		} {
			t.Run(app.name, func(t *testing.T) {
				t.Parallel()
				until := time.Now().Add(*soakFor) // it may have waited for its turn
				s := newSoak(t, app, rand.New(rand.NewPCG(*soakSeed, uint64(n))), sum)
				for time.Now().Before(until) {
					s.release()
				}
				s.over()
			})
		}
	})
	fmt.Println(sum)
}

// subsetRoutes name the user's own subset of the version.
const subsetRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - name: all
    timeout: 10s
    route: [{destination: {host: reviews, subset: stable}}]
`

// soakApp is one app that is released again and again.
type soakApp struct {
	name, deployment string
	documents        []string
}

// soak is the releases of one app.
type soak struct {
	w      *world
	rng    *rand.Rand
	tr     *traffic
	sum    *tally
	phases int
	count  int // of releases

	deployment string // the original's name
	version    string // that runs
	next       string // the grayscale version
	task       string
	blueGreen  bool
	started    bool
	mine       map[string]string // the user's objects as he made them
}

var soakInsider = http.Header{"Cookie": {"a=b; User=Internal; c=d"}}

const soakRule = "match=[{cookie: {name: User, exact: Internal}}]"

func newSoak(t *testing.T, app soakApp, rng *rand.Rand, sum *tally) *soak {
	w := newWorld(t)
	w.apply(append(app.documents, makeService("reviews", "reviews"), gateway)...)
	w.rolledOut(app.deployment)
	targets := []load.Target{
		throughGateway(w.namespace), throughSidecar(w.namespace, "reviews"),
		with(throughGateway(w.namespace), "gateway insider", soakInsider), with(throughSidecar(w.namespace, "reviews"), "sidecar insider", soakInsider),
	}
	for n := range targets {
		targets[n].Rate, targets[n].Workers = 40, 2
	}
	s := &soak{w: w, rng: rng, sum: sum, deployment: app.deployment, version: "v1"}
	s.tr = w.trafficTo("v1", targets...)
	s.tr.quiet = true
	s.mine = w.mine()
	return s
}

// phase begins a phase with a name of its own.
func (s *soak) phase(what string, w want) {
	s.phases++
	s.tr.phase(fmt.Sprintf("%d: %s, %s", s.phases, s.task, what), w)
}

func (s *soak) pick(n int) int { return s.rng.IntN(n) }

// release takes one release from its start to an end.
func (s *soak) release() {
	s.count++
	s.task, s.next = fmt.Sprintf("soak-%d", s.count), fmt.Sprintf("v%d", s.count+1)
	s.blueGreen = s.pick(4) == 0
	pairs := []string{"release=" + s.task, "image=" + s.next}
	if s.blueGreen {
		pairs = append(pairs, "form=blue-green")
	}
	s.phase("starts", only(s.version))
	s.annotate(pairs...)
	s.started = s.pick(5) > 0
	if s.started {
		s.w.until("a ready version", func(st *release.Status) bool { return st.Steps.Done(release.Step(release.Ready)) })
		for range 1 + s.pick(3) {
			s.step(s.policy())
			s.meddle()
		}
	}
	if s.pick(3) == 0 {
		s.cancel()
	} else {
		s.finish()
	}
	s.sum.released()
	s.lost()
}

// policy is a random one, as annotations, with what the answers must then be.
func (s *soak) policy() (pairs []string, w want) {
	insiders := []string{"gateway insider", "sidecar insider"}
	choice := s.pick(6)
	if s.blueGreen {
		choice = 4 + s.pick(2)
	}
	weight := intent.Weight([]int{50, 1000, 3333, 5000, 9000}[s.pick(5)])
	share := split(s.version, s.next, float64(weight)/100)
	switch choice {
	case 0:
		return []string{"weight=" + weight.String(), "match-", "mirror-", "traffic=policy"}, share
	case 1:
		return []string{"weight-", soakRule, "mirror-", "traffic=policy"}, only(s.version).but(only(s.next), insiders...)
	case 2:
		return []string{"weight=" + weight.String(), soakRule, "mirror-", "traffic=policy"}, share.but(only(s.next), insiders...)
	case 3:
		return []string{"weight-", "match-", "mirror=" + weight.String(), "traffic=policy"}, only(s.version)
	case 4:
		return []string{"traffic=grayscale"}, only(s.next)
	default:
		return []string{"traffic=original"}, only(s.version)
	}
}

// step asks for a policy, and has it for a while.
func (s *soak) step(pairs []string, w want) {
	s.phase(fmt.Sprint("to ", pairs), s.either())
	s.annotate(pairs...)
	s.settle()
	s.phase(fmt.Sprint(pairs), w)
	s.tr.seen(25 + s.pick(60))
}

// either is right while a policy is on its way.
func (s *soak) either() want { return only(s.version, s.next) }

// settle waits until what is asked is delivered, and every proxy has it.
func (s *soak) settle() {
	s.w.t.Helper()
	s.w.untilDelivered()
	s.tr.more(40)
}

func (s *soak) annotate(pairs ...string) { s.w.annotateInTheEnd(s.deployment, pairs...) }

func (s *soak) finish() {
	s.phase("takes over and finishes", s.either())
	// An original that takes the clone's place must have as many pods.
	if _, err := s.w.try("", "scale", "deployment", s.deployment, "--replicas=3"); err != nil {
		s.w.t.Fatal(err)
	}
	s.annotate("traffic=grayscale", "end=finish")
	s.w.untilEnded("reviews", s.task, release.Finished)
	s.version = s.next
	if s.w.get(deployments, s.deployment) == nil {
		s.deployment = "reviews-" + s.next
	}
	s.phase("finished", only(s.version))
	s.tr.seen(20)
}

func (s *soak) cancel() {
	s.phase("cancels", s.either())
	s.annotate("end=cancel")
	s.w.untilEnded("reviews", s.task, release.Cancelled)
	s.phase("cancelled", only(s.version))
	s.tr.seen(20)
}
