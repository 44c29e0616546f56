package release_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	rules "github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// observed changes an observation, for tables that read as scenarios.
type observed func(*release.Observation)

// observe is a release of four replicas in a phase, that long after the phase and
// each of the steps was noted.
func observe(phase release.Phase, with ...observed) release.Observation {
	o := release.Observation{
		Now: now, Rules: true, Propagation: 15 * time.Second, Drain: 30 * time.Second, Hold: 10 * time.Second,
		Status: &release.Status{Phase: phase, Peak: 4, Steps: release.Steps{}},
		Asked:  release.Asked{Policy: release.Policy{Traffic: intent.TrafficPolicy}},
		Routes: release.Routes{Ours: 2, NeedPins: true},
		Origin: release.Side{Exists: true, Replicas: 4, Ready: 4, Endpoints: 4},
	}
	for _, w := range with {
		w(&o)
	}
	return o
}

func steps(ago time.Duration, done ...release.Step) observed {
	return func(o *release.Observation) {
		for _, step := range done {
			o.Status.Steps[step] = now.Add(-ago)
		}
	}
}

// started notes that the clone has been ready.
var started = steps(time.Hour, release.StepPinned, release.Step(release.Starting), release.Step(release.Ready))

func clone(ready int32) observed {
	return func(o *release.Observation) {
		o.Clone = release.Side{Exists: true, Labelled: true, Replicas: max(1, ready), Ready: ready, Endpoints: max(1, ready), ReadySince: now.Add(-time.Hour)}
	}
}

func weight(w intent.Weight) observed {
	return func(o *release.Observation) { o.Asked.Policy.Weight = w }
}
func live(least, most intent.Weight) observed {
	return func(o *release.Observation) { o.Routes.Min, o.Routes.Max = least, most }
}
func traffic(t intent.Traffic) observed {
	return func(o *release.Observation) { o.Asked.Policy.Traffic = t }
}
func end(e intent.End) observed {
	return func(o *release.Observation) { o.Asked.Policy.End = e }
}
func unpinned(o *release.Observation)  { o.Routes.Unpinned, o.Routes.Ours = true, 0 }
func noPins(o *release.Observation)    { o.Routes.NeedPins, o.Routes.Ours = false, 0 }
func noRoutes(o *release.Observation)  { o.Routes = release.Routes{} }
func nearRoute(o *release.Observation) { o.Routes.Near = true }
func noRules(o *release.Observation)   { o.Rules = false }
func strict(o *release.Observation)    { o.Strict = "the user has distribute" }
func lost(o *release.Observation) {
	o.Status.SetCondition(release.Degraded, true, release.ReasonNoEndpoints, "", now)
}
func content(o *release.Observation)  { o.Routes.Content = 1 }
func mirrored(o *release.Observation) { o.Routes.Mirror = 500 }
func mirror(o *release.Observation)   { o.Asked.Policy.Mirror = 500 }
func rule(o *release.Observation)     { o.Asked.Policy.Match = make([]rules.Rule, 1) }
func green(o *release.Observation)    { o.Status.Form = intent.BlueGreen }
func inPlace(o *release.Observation)  { o.Status.Finish = intent.InPlace }
func source(o *release.Observation)   { o.Asked.Source = "Helm" }
func unrouted(o *release.Observation) { o.Asked.Unrouted = "Ingress shop/front" }
func autoscaled(o *release.Observation) {
	o.Clone.Scaler = "HorizontalPodAutoscaler clone, minReplicas 1"
}
func impostor(o *release.Observation) { o.Impostors = "StatefulSet shop/books is of version v2" }
func twin(o *release.Observation)     { o.Twins = "StatefulSet shop/books is of version v1" }
func leaving(o *release.Observation)  { o.Clone.Leaving = true }

// renewed says that the original has the new template, with that many new pods
// ready of four, and the others of the old one.
func renewed(ready int32) observed {
	return func(o *release.Observation) {
		o.Origin = release.Side{Exists: true, Replicas: 4, Ready: 4 - ready, Endpoints: 4 - ready, Updated: true, Renewed: ready, RolledOut: ready == 4}
	}
}

func fixed(o *release.Observation)      { o.Asked.Policy.Replicas = 2 }
func undersized(o *release.Observation) { o.Asked.Undersized = true }
func managed(o *release.Observation)    { o.Asked.Managed = "Helm" }
func toAppend(o *release.Observation)   { o.Routes.ToMove, o.Routes.ToAppend = 1, 1 }
func noOrigin(o *release.Observation)   { o.Origin = release.Side{} }
func originLeaves(o *release.Observation) {
	o.Origin = release.Side{Exists: true, Leaving: true, Replicas: 4, Endpoints: 4}
}
func cloneLeaves(o *release.Observation) { o.Clone = release.Side{Endpoints: 1} }
func freed(o *release.Observation)       { o.Clone.Labelled = false }
func trouble(o *release.Observation)     { o.Clone.Trouble = "ImagePullBackOff" }
func readySince(ago time.Duration) observed {
	return func(o *release.Observation) { o.Clone.ReadySince = now.Add(-ago) }
}

// decide asks for a decision once it is known whether what is asked takes
// anything from the original.
func decide(o release.Observation) release.Decision {
	asked := o.Asked.Policy.Asked(o.Status.Form)
	o.Routes.Within = asked.Weight <= o.Routes.Min && (asked.Mirror <= o.Routes.Mirror || asked.Weight > 0) && len(asked.Match) <= o.Routes.Content
	return release.Decide(o)
}

// tell writes a decision on a line: phase, what to do, marks, when to look again.
func tell(d release.Decision) string {
	var do []string
	for _, what := range d.Do {
		word := string(what)
		switch what {
		case release.SetRoutes:
			word += "=" + d.Share.Weight.String()
		case release.KeepClone:
			word += fmt.Sprintf("=%d", d.Replicas)
		}
		do = append(do, word)
	}
	out := string(d.Phase) + ": " + strings.Join(do, " ")
	for _, m := range d.Mark {
		out += " mark " + string(m)
	}
	for _, m := range d.Unmark {
		out += " unmark " + string(m)
	}
	if d.After > 0 {
		out += " after " + d.After.String()
	}
	if d.Ends {
		out += " ends"
	}
	return out + " (" + d.Reason + ")"
}

func TestDecide(t *testing.T) {
	const full = intent.Full
	for _, test := range []struct {
		name string
		o    release.Observation
		want string
	}{
		// The start.
		{"claimed: routes are pinned", observe(release.Pending, unpinned, noRules), "Pending: KeepRules SetRoutes=0 (Pinning)"},
		{"pinned: it is noted", observe(release.Pending), "Starting: KeepRules SetRoutes=0 mark Pinned (Settled)"},
		{"the pins propagate", observe(release.Starting, steps(5*time.Second, release.StepPinned)), "Starting: KeepRules SetRoutes=0 after 10s (Propagating)"},
		{"the pins are everywhere: the clone is made", observe(release.Starting, steps(15*time.Second, release.StepPinned), weight(1000)), "Starting: KeepRules KeepRoutes KeepClone=1 (StartingPods)"},
		{"no pins are needed: the clone is made at once", observe(release.Starting, noPins, steps(0, release.StepPinned), weight(5000)), "Starting: KeepRules KeepRoutes KeepClone=2 (StartingPods)"},
		{"pods start, and nothing else happens", observe(release.Starting, steps(time.Minute, release.StepPinned), clone(0), weight(1000)), "Starting: KeepRules KeepRoutes KeepClone=1 (StartingPods)"},
		{"pods are ready: that is noted before traffic", observe(release.Starting, steps(time.Minute, release.StepPinned), clone(1), weight(1000)), "Ready: KeepRules KeepRoutes KeepClone=1 (Settled)"},

		// The policy.
		{"ready: the share is set", observe(release.Ready, started, clone(1), weight(1000)), "Ready: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
		{"a higher share waits for its pods", observe(release.Routing, started, clone(1), weight(5000), live(1000, 1000)), "Routing: KeepRules KeepRoutes KeepClone=2 (StartingPods)"},
		{"and is set when they are ready", observe(release.Routing, started, clone(2), weight(5000), live(1000, 1000)), "Routing: KeepRules SetRoutes=50 KeepClone=2 (Settled)"},
		{"a lower share waits for nothing, and its pods for it", observe(release.Routing, started, clone(0), weight(1000), live(5000, 5000)), "Routing: KeepRules SetRoutes=10 KeepClone=2 (Settled)"},
		{"half delivered goes on", observe(release.Routing, started, clone(2), weight(5000), live(1000, 5000)), "Routing: KeepRules SetRoutes=50 KeepClone=2 (Settled)"},
		{"all is as asked", observe(release.Routing, started, clone(1), weight(1000), live(1000, 1000)), "Routing: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
		{"weight 100 is a take-over", observe(release.Routing, started, clone(4), weight(full), live(full, full)), "TakenOver: KeepRules SetRoutes=100 KeepClone=4 (Settled)"},
		{"all to the original", observe(release.TakenOver, started, clone(4), weight(1000), live(full, full), traffic(intent.TrafficOriginal)), "TakenOver: KeepRules SetRoutes=0 KeepClone=4 (Settled)"},
		{"then it is ready again", observe(release.TakenOver, started, clone(4), weight(1000), traffic(intent.TrafficOriginal)), "Ready: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"a take-over with too few replicas is held", observe(release.Routing, started, clone(2), weight(1000), live(1000, 1000), traffic(intent.TrafficGrayscale), fixed), "Routing: KeepRules KeepRoutes KeepClone=2 (Undersized)"},
		{"unless that is accepted", observe(release.Routing, started, clone(2), weight(1000), live(1000, 1000), traffic(intent.TrafficGrayscale), fixed, undersized), "Routing: KeepRules SetRoutes=100 KeepClone=2 (Settled)"},

		// What happens to the clone.
		{"its pods fail to start", observe(release.Starting, steps(time.Minute, release.StepPinned), clone(0), trouble, weight(1000)), "Starting: KeepRules KeepRoutes KeepClone=1 (StartingPods)"},
		{"its pods are lost: Envoy fails over", observe(release.Routing, started, clone(0), weight(1000), live(1000, 1000)), "Routing: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
		{"its pods are lost: Envoy can't", observe(release.Routing, started, clone(0), weight(1000), live(1000, 1000), strict), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"they are back, and held", observe(release.Ready, started, clone(1), weight(1000), strict, lost, readySince(4*time.Second)), "Ready: KeepRules KeepRoutes KeepClone=1 after 6s (HoldingForReadiness)"},
		{"held long enough", observe(release.Ready, started, clone(1), weight(1000), strict, lost, readySince(10*time.Second)), "Ready: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
		{"it is deleted: traffic leaves, and it is made again", observe(release.Routing, started, weight(1000), live(1000, 1000)), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},

		// Cancel.
		{"cancel: traffic first", observe(release.Routing, started, clone(1), live(1000, 1000), end(intent.EndCancel)), "Cancelling: KeepRules SetRoutes=0 (Shifting)"},
		{"cancel: then the drain begins", observe(release.Routing, started, clone(1), end(intent.EndCancel)), "Cancelling:  mark Drain (Draining)"},
		{"cancel: also where the phase came first", observe(release.Cancelling, started, clone(1), end(intent.EndCancel)), "Cancelling:  mark Drain (Draining)"},
		{"cancel: it drains", observe(release.Cancelling, started, steps(10*time.Second, release.StepDrain), clone(1), end(intent.EndCancel)), "Cancelling: KeepRules KeepRoutes after 20s (Draining)"},
		{"cancel: it is deleted", observe(release.Cancelling, started, steps(30*time.Second, release.StepDrain), clone(1), end(intent.EndCancel)), "Cancelling: KeepRules KeepRoutes DeleteClone (PodsLeaving)"},
		{"cancel: what never served has nothing to drain", observe(release.Cancelling, steps(time.Minute, release.StepPinned), clone(0), end(intent.EndCancel)), "Cancelling: KeepRules KeepRoutes DeleteClone (PodsLeaving)"},
		{"cancel: its pods leave", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain), cloneLeaves, end(intent.EndCancel)), "Cancelling: KeepRules KeepRoutes (PodsLeaving)"},
		{"cancel: they are gone", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain), end(intent.EndCancel)), "Cancelling:  mark Gone (Propagating)"},
		{"cancel: every proxy must know", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain), steps(5*time.Second, release.StepGone), end(intent.EndCancel)), "Cancelling: KeepRules KeepRoutes after 10s (Propagating)"},
		{"cancel: the routes go", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain, release.StepGone), end(intent.EndCancel)), "Cancelling: StripRoutes (Stripping)"},
		{"cancel: no clone was ever made", observe(release.Cancelling, end(intent.EndCancel)), "Cancelling: StripRoutes (Stripping)"},
		{"cancel: the routes are gone", observe(release.Cancelling, started, noRoutes, steps(time.Minute, release.StepDrain, release.StepGone), end(intent.EndCancel)), "Cancelling:  mark Stripped (Propagating)"},
		{"cancel: the rules go", observe(release.Cancelling, started, noRoutes, steps(time.Minute, release.StepDrain, release.StepGone, release.StepStripped), end(intent.EndCancel)), "Cancelling: DropRules (Stripping)"},
		{"cancel: a route is back before the rules go", observe(release.Cancelling, started, nearRoute, steps(time.Minute, release.StepDrain, release.StepGone, release.StepStripped), end(intent.EndCancel)), "Cancelling:  unmark Stripped (Propagating)"},
		{"cancel: one elsewhere is back", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain, release.StepGone, release.StepStripped), end(intent.EndCancel)), "Cancelling: StripRoutes (Stripping)"},
		{"cancel: the end", observe(release.Cancelling, started, noRoutes, noRules, steps(time.Minute, release.StepDrain), end(intent.EndCancel)), "Cancelled: RemoveIntent ends ()"},
		{"cancel: taken back", observe(release.Cancelling, started, steps(time.Second, release.StepDrain), clone(1), weight(1000)), "Ready:  (Shifting)"},
		{"cancel: taken back when the clone has gone", observe(release.Cancelling, started, steps(time.Second, release.StepDrain), weight(1000)), "Pending:  (Pinning)"},

		// Finish by replace.
		{"finish: not before it has all traffic", observe(release.Routing, started, clone(1), weight(1000), live(1000, 1000), end(intent.EndFinish)), "Routing: KeepRules SetRoutes=10 KeepClone=1 (WaitingForTraffic)"},
		{"finish: not with too few replicas", observe(release.TakenOver, started, clone(2), fixed, weight(full), live(full, full), end(intent.EndFinish)), "TakenOver: KeepRules SetRoutes=100 KeepClone=2 (Undersized)"},
		{"finish: not what a manager would undo", observe(release.TakenOver, started, clone(4), weight(full), live(full, full), end(intent.EndFinish), managed), "TakenOver: KeepRules SetRoutes=100 KeepClone=4 (Managed)"},
		{"finish: the drain begins", observe(release.TakenOver, started, clone(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing:  mark Drain (Draining)"},
		{"finish: it drains", observe(release.Finishing, started, steps(10*time.Second, release.StepDrain), clone(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 KeepClone=4 AppendSubsets after 20s (Draining)"},
		{"finish: not while pods are missing", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(3), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 KeepClone=4 AppendSubsets (StartingPods)"},
		{"finish: not while a route is lost", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), weight(full), live(0, full), end(intent.EndFinish)), "Routing:  (Shifting)"},
		{"finish: the original is deleted", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 KeepClone=4 AppendSubsets DeleteOriginal (PodsLeaving)"},
		{"finish: not while something else is of its version", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), twin, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 KeepClone=4 AppendSubsets (PodLabelsChanged)"},
		{"in place: not while something else is of its version", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), inPlace, twin, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 (PodLabelsChanged)"},
		{"finish: it leaves, and cancel comes too late", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), originLeaves, weight(full), live(full, full), end(intent.EndCancel)), "Finishing: KeepRules SetRoutes=100 KeepClone=4 AppendSubsets DeleteOriginal (PodsLeaving)"},
		{"finish: it is gone", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), noOrigin, live(full, full)), "Finishing:  mark Gone (Propagating)"},
		{"finish: every proxy must know, whoever writes over our routes", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), steps(5*time.Second, release.StepGone), clone(4), noOrigin, live(0, full)), "Finishing: KeepRules SetRoutes=100 AppendSubsets after 10s (Propagating)"},
		{"finish: a subset that routes are to name was taken away", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepGone), clone(4), noOrigin, live(full, full), toAppend), "Finishing:  unmark Gone (Propagating)"},
		{"finish: it is put there again", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), noOrigin, live(full, full), toAppend), "Finishing: KeepRules SetRoutes=100 AppendSubsets (Propagating)"},
		{"finish: the routes move", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepGone), clone(4), noOrigin, live(full, full)), "Finishing: AppendSubsets MoveRoutes (Stripping)"},
		{"finish: the clone is freed", observe(release.Finishing, started, noRoutes, noRules, steps(time.Minute, release.StepDrain, release.StepGone), clone(4), noOrigin), "Finishing: FreeClone (Stripping)"},
		{"finish: the end", observe(release.Finishing, started, noRoutes, noRules, steps(time.Minute, release.StepDrain, release.StepGone), clone(4), freed, noOrigin), "Finished:  ends ()"},
		// Content, mirrors, blue-green.
		{"content alone needs one pod", observe(release.Ready, started, clone(1), rule), "Ready: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"content is traffic: it is routing", observe(release.Routing, started, clone(1), rule, content), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"content goes first when it is deleted", observe(release.Routing, started, rule, content), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"a mirror needs its share of pods", observe(release.Ready, started, clone(1), mirror, func(o *release.Observation) { o.Asked.Policy.Mirror = 5000 }), "Ready: KeepRules KeepRoutes KeepClone=2 (StartingPods)"},
		{"a mirror is traffic: it is routing", observe(release.Routing, started, clone(1), mirror, mirrored), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"content that Envoy can't fail over for", observe(release.Routing, started, clone(0), rule, content, strict), "Routing: KeepRules SetRoutes=0 KeepClone=1 (Settled)"},
		{"cancel: content first", observe(release.Routing, started, clone(1), content, end(intent.EndCancel)), "Cancelling: KeepRules SetRoutes=0 (Shifting)"},
		{"cancel: a mirror first", observe(release.Routing, started, clone(1), mirrored, end(intent.EndCancel)), "Cancelling: KeepRules SetRoutes=0 (Shifting)"},
		{"cancel: content that came back while it drains", observe(release.Cancelling, started, steps(time.Minute, release.StepDrain), clone(1), content, end(intent.EndCancel)), "Cancelling: KeepRules SetRoutes=0 (Shifting)"},
		{"blue-green: the full count first", observe(release.Ready, started, clone(1), green), "Ready: KeepRules SetRoutes=0 KeepClone=4 (Settled)"},
		{"blue-green: then everything", observe(release.Ready, started, clone(4), green, traffic(intent.TrafficGrayscale)), "Ready: KeepRules SetRoutes=100 KeepClone=4 (Settled)"},
		{"blue-green: back at once", observe(release.TakenOver, started, clone(0), green, live(full, full), traffic(intent.TrafficOriginal)), "TakenOver: KeepRules SetRoutes=0 KeepClone=4 (Settled)"},
		// Risks that come up later, and autoscalers.
		{"a way past the routes holds the clone", observe(release.Starting, steps(time.Minute, release.StepPinned), weight(1000), unrouted), "Starting: KeepRules KeepRoutes (Unrouted)"},
		{"and nothing once it is there", observe(release.Routing, started, clone(1), weight(1000), live(1000, 1000), unrouted), "Routing: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
		{"something else of the grayscale version holds the clone", observe(release.Starting, steps(time.Minute, release.StepPinned), weight(1000), impostor), "Starting: KeepRules KeepRoutes (PodLabelsChanged)"},
		{"and the first request", observe(release.Ready, started, clone(1), weight(1000), impostor), "Ready: KeepRules KeepRoutes KeepClone=1 (PodLabelsChanged)"},
		{"but none of those that follow", observe(release.Routing, started, clone(2), weight(2000), live(1000, 1000), impostor), "Routing: KeepRules SetRoutes=20 KeepClone=1 (Settled)"},
		{"an autoscaler's count is left alone", observe(release.Routing, started, clone(3), weight(1000), live(1000, 1000), autoscaled), "Routing: KeepRules SetRoutes=10 KeepClone=3 (Settled)"},
		{"but more traffic needs its pods", observe(release.Routing, started, clone(1), weight(5000), live(1000, 1000), autoscaled), "Routing: KeepRules KeepRoutes KeepClone=2 (StartingPods)"},
		{"an autoscaler's count is enough to finish", observe(release.TakenOver, started, clone(2), weight(full), live(full, full), end(intent.EndFinish), autoscaled), "Finishing:  mark Drain (Draining)"},
		// Finish in place.
		{"in place: the drain begins", observe(release.TakenOver, started, clone(4), inPlace, weight(full), live(full, full), end(intent.EndFinish)), "Finishing:  mark Drain (Draining)"},
		{"in place: it drains", observe(release.Finishing, started, steps(10*time.Second, release.StepDrain), clone(4), inPlace, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 after 20s (Draining)"},
		{"in place: not while pods are missing", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(3), inPlace, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 (StartingPods)"},
		{"in place: the original takes the template", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), inPlace, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 UpdateOriginal (RollingOut)"},
		{"in place: not one that is being deleted", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), originLeaves, inPlace, weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 (PodsLeaving)"},
		{"in place: it rolls out", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), inPlace, renewed(2), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 (RollingOut)"},
		{"in place: cancel comes too late", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), inPlace, renewed(2), live(full, full), end(intent.EndCancel)), "Finishing: KeepRules SetRoutes=100 AppendSubsets KeepClone=4 (RollingOut)"},
		{"in place: its pods are preferred", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), clone(4), inPlace, renewed(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets mark Yield (Draining)"},
		{"in place: every proxy must prefer them", observe(release.Finishing, started, steps(time.Minute, release.StepDrain), steps(5*time.Second, release.StepYield), clone(4), inPlace, renewed(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets after 25s (Draining)"},
		{"in place: they are lost again, and the clone stays", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepYield), clone(4), inPlace, renewed(3), weight(full), live(full, full), end(intent.EndFinish)), "Finishing:  unmark Yield (RollingOut)"},
		{"in place: the clone is deleted", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepYield), clone(4), inPlace, renewed(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets DeleteClone (PodsLeaving)"},
		{"in place: it leaves, whatever the original does", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepYield), clone(4), leaving, inPlace, renewed(3), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: KeepRules SetRoutes=100 AppendSubsets DeleteClone (PodsLeaving)"},
		{"in place: it is gone", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepYield), inPlace, renewed(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing:  mark Gone (Propagating)"},
		{"in place: the routes move", observe(release.Finishing, started, steps(time.Minute, release.StepDrain, release.StepYield, release.StepGone), inPlace, renewed(4), weight(full), live(full, full), end(intent.EndFinish)), "Finishing: AppendSubsets MoveRoutes (Stripping)"},
		{"in place: the end", observe(release.Finishing, started, noRoutes, noRules, steps(time.Minute, release.StepDrain, release.StepYield, release.StepGone), inPlace, renewed(4), end(intent.EndFinish)), "Finished: RemoveIntent ends ()"},
		{"source: not while the original serves", observe(release.TakenOver, started, steps(10*time.Second, release.Step(release.TakenOver)), clone(4), inPlace, source, weight(full), live(full, full), end(intent.EndFinish)), "TakenOver: KeepRules SetRoutes=100 KeepClone=4 after 20s (Draining)"},
		{"source: it is waited for", observe(release.TakenOver, started, steps(time.Minute, release.Step(release.TakenOver)), clone(4), inPlace, source, weight(full), live(full, full), end(intent.EndFinish)), "TakenOver: KeepRules SetRoutes=100 KeepClone=4 (WaitingForSource)"},
		{"source: it arrives", observe(release.TakenOver, started, steps(time.Minute, release.Step(release.TakenOver)), clone(4), inPlace, source, renewed(0), weight(full), live(full, full), end(intent.EndFinish)), "Finishing:  mark Drain (Draining)"},
		{"source: it came over a partial policy, and nothing is left to go back to", observe(release.Routing, started, clone(1), inPlace, source, renewed(4), weight(1000), live(1000, 1000), end(intent.EndCancel)), "Finishing:  mark Drain (Draining)"},
		{"source: it crashes, and cancel goes back", observe(release.Routing, started, clone(1), inPlace, source, renewed(0), weight(1000), live(1000, 1000), end(intent.EndCancel)), "Cancelling: KeepRules SetRoutes=0 (Shifting)"},
		{"the original is deleted by somebody, holding nothing", observe(release.TakenOver, started, clone(4), noOrigin, weight(full), live(full, full)), "Finishing:  mark Drain (Draining)"},
		{"the original is deleted by somebody, holding something", observe(release.Routing, started, clone(1), noOrigin, weight(1000), live(1000, 1000)), "Routing: KeepRules SetRoutes=10 KeepClone=1 (Settled)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := tell(decide(test.o)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func does(d release.Decision, what release.Do) bool { return slices.Contains(d.Do, what) }
