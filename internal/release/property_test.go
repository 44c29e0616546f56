package release_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// anyObservation is a release in any state that objects can be in, likely or not.
func anyObservation(t *rapid.T) release.Observation {
	weight := func(name string) intent.Weight {
		return rapid.OneOf(rapid.SampledFrom([]intent.Weight{0, intent.Full}), rapid.Custom(func(t *rapid.T) intent.Weight {
			return intent.Weight(rapid.IntRange(0, 10000).Draw(t, name))
		})).Draw(t, name)
	}
	side := func(name string) release.Side {
		s := release.Side{Exists: rapid.Bool().Draw(t, name+" exists")}
		s.Endpoints = rapid.Int32Range(0, 4).Draw(t, name+" endpoints")
		s.Ready = rapid.Int32Range(0, s.Endpoints).Draw(t, name+" ready")
		s.ReadySince = now.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, name+" since")) * time.Second)
		if s.Exists {
			s.Leaving, s.Labelled = rapid.Bool().Draw(t, name+" leaves"), rapid.Bool().Draw(t, name+" labelled")
			s.Replicas = rapid.Int32Range(0, 4).Draw(t, name+" replicas")
		}
		return s
	}
	o := observe(rapid.SampledFrom([]release.Phase{release.Pending, release.Starting, release.Ready, release.Routing, release.TakenOver, release.Finishing, release.Cancelling}).Draw(t, "phase"))
	for _, step := range []release.Step{release.StepPinned, release.Step(release.Starting), release.Step(release.Ready), release.StepDrain, release.StepGone, release.StepStripped} {
		if rapid.Bool().Draw(t, string(step)) {
			steps(time.Duration(rapid.IntRange(0, 60).Draw(t, "ago"))*time.Second, step)(&o)
		}
	}
	o.Rules, o.Clone, o.Origin = rapid.Bool().Draw(t, "rules"), side("clone"), side("original")
	o.Routes = release.Routes{Ours: rapid.IntRange(0, 3).Draw(t, "ours"), Unpinned: rapid.Bool().Draw(t, "unpinned"), NeedPins: rapid.Bool().Draw(t, "needs pins")}
	if o.Routes.Ours > 0 {
		o.Routes.Min = weight("min")
		o.Routes.Max = max(o.Routes.Min, weight("max"))
		o.Routes.Content, o.Routes.Mirror = rapid.IntRange(0, 2).Draw(t, "content"), rapid.SampledFrom([]intent.Weight{0, 0, 5000}).Draw(t, "mirror")
	}
	if rapid.Bool().Draw(t, "in place") {
		inPlace(&o)
		if o.Origin.Exists && rapid.Bool().Draw(t, "updated") {
			o.Origin.Updated, o.Origin.Renewed = true, rapid.Int32Range(0, 4).Draw(t, "renewed")
			o.Origin.RolledOut = rapid.Bool().Draw(t, "rolled out")
		}
	}
	o.Asked = release.Asked{Undersized: rapid.Bool().Draw(t, "accepts"), Policy: release.Policy{
		Weight: weight("weight"), Replicas: rapid.Int32Range(0, 5).Draw(t, "replicas"),
		Traffic: rapid.SampledFrom([]intent.Traffic{intent.TrafficPolicy, intent.TrafficGrayscale, intent.TrafficOriginal}).Draw(t, "traffic"),
		End:     rapid.SampledFrom([]intent.End{intent.EndNone, intent.EndFinish, intent.EndCancel}).Draw(t, "end"),
	}}
	if rapid.Bool().Draw(t, "managed") {
		managed(&o)
	}
	if rapid.Bool().Draw(t, "strict") {
		strict(&o)
	}
	if rapid.Bool().Draw(t, "lost") {
		lost(&o)
	}
	return o
}

// TestDecideProperties: whatever state the objects are in, a decision does
// nothing that could hurt a request.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation(t)
		d := decide(o)
		told := tell(d)
		originalStays := o.Origin.Exists && !o.Origin.Leaving && !o.Origin.Updated
		if does(d, release.SetRoutes) && d.Share.Weight > o.Routes.Max && o.Clone.Ready == 0 && originalStays {
			t.Fatalf("more traffic for a version without ready endpoints: %s", told)
		}
		if does(d, release.SetRoutes) && d.Share.Weight > o.Asked.Policy.Asked(o.Status.Form).Weight && originalStays {
			t.Fatalf("more than is asked: %s", told)
		}
		if does(d, release.DeleteClone) && o.Routes.Serves() && !(o.Status.Finish == intent.InPlace && o.Origin.Updated && o.Status.Steps.Done(release.StepYield)) {
			t.Fatalf("the clone is deleted while routes lead to it: %s", told)
		}
		if does(d, release.UpdateOrigin) && (o.Routes.Min < intent.Full || o.Routes.Unpinned || o.Asked.Source != "" || o.Asked.Policy.End == intent.EndCancel) {
			t.Fatalf("the original is renewed while routes lead to it, past its source or a cancel: %s", told)
		}
		if does(d, release.DeleteOrigin) && originalStays && (o.Routes.Min < intent.Full || o.Routes.Unpinned || o.Routes.Ours == 0) {
			t.Fatalf("the original is deleted while routes lead to it: %s", told)
		}
		if does(d, release.DeleteOrigin) && originalStays && o.Asked.Policy.End == intent.EndCancel {
			t.Fatalf("the original is deleted although a cancel is asked: %s", told)
		}
		if does(d, release.StripRoutes) && (o.Clone.Exists || o.Clone.Endpoints > 0) {
			t.Fatalf("routes go while the clone may take requests: %s", told)
		}
		if does(d, release.MoveRoutes) && !o.Origin.Updated && (o.Origin.Exists || o.Origin.Endpoints > 0) {
			t.Fatalf("routes move while the original may take requests: %s", told)
		}
		if does(d, release.DropRules) && o.Routes.Ours > 0 {
			t.Fatalf("rules go before the routes that name them: %s", told)
		}
		if d.Ends && (o.Routes.Ours > 0 || o.Rules) {
			t.Fatalf("the release ends and leaves something: %s", told)
		}
		if d.Ends != d.Phase.Ended() {
			t.Fatalf("phase %s, ends %t", d.Phase, d.Ends)
		}
		if !d.Ends && d.Reason == "" {
			t.Fatalf("a decision without a reason: %s", told)
		}
	})
}

// carry does what a decision asks for, all of it at once.
func carry(o *release.Observation, d release.Decision) (did bool) {
	note := func(changed bool, change func()) {
		if changed {
			change()
			did = true
		}
	}
	for _, what := range d.Do {
		switch what {
		case release.KeepRules:
			note(!o.Rules, func() { o.Rules = true })
		case release.KeepRoutes:
			note(o.Routes.Unpinned, func() { o.Routes.Unpinned, o.Routes.Ours = false, 1 })
		case release.SetRoutes:
			r := o.Routes
			note(r.Unpinned || r.Min != d.Share.Weight || r.Max != d.Share.Weight || r.Content != len(d.Share.Match) || r.Mirror != d.Share.Mirror, func() {
				o.Routes.Unpinned, o.Routes.Ours, o.Routes.Min, o.Routes.Max = false, 1, d.Share.Weight, d.Share.Weight
				o.Routes.Content, o.Routes.Mirror = len(d.Share.Match), d.Share.Mirror
			})
		case release.KeepClone:
			note(!o.Clone.Exists || o.Clone.Replicas != d.Replicas, func() {
				o.Clone = release.Side{Exists: true, Labelled: true, Replicas: d.Replicas, Ready: d.Replicas, Endpoints: d.Replicas}
			})
		case release.DeleteClone:
			note(o.Clone.Exists, func() { o.Clone = release.Side{} })
		case release.DeleteOrigin:
			note(o.Origin.Exists, func() { o.Origin = release.Side{} })
		case release.StripRoutes, release.MoveRoutes:
			note(o.Routes.Ours > 0 || o.Routes.ToMove > 0, func() { o.Routes = release.Routes{} })
		case release.DropRules:
			note(o.Rules, func() { o.Rules = false })
		case release.FreeClone:
			note(o.Clone.Labelled, func() { o.Clone.Labelled = false })
		}
	}
	return did
}

// TestCancelEnds: from any state of a release that was not past return, a cancel
// comes to its end, with nothing left.
func TestCancelEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation(t)
		o.Asked.Policy.End = intent.EndCancel
		o.Origin.Exists, o.Origin.Leaving, o.Origin.Updated = true, false, false
		if !o.Clone.Exists {
			o.Clone.Endpoints, o.Clone.Ready = 0, 0 // pods without a Deployment go by themselves
		}
		var told []string
		for range 40 {
			d := decide(o)
			told = append(told, tell(d))
			if d.Ends {
				if d.Phase != release.Cancelled || o.Clone.Exists || o.Routes.Ours > 0 || o.Rules {
					t.Fatalf("ended with something left: %+v\n%v", o, told)
				}
				return
			}
			if carry(&o, d) {
				continue
			}
			if o.Status.Phase != d.Phase {
				o.Status.Leave(d.Phase)
				o.Status.Phase = d.Phase
			}
			for _, step := range d.Unmark {
				delete(o.Status.Steps, step)
			}
			for _, step := range d.Mark {
				o.Status.Steps[step] = o.Now
			}
			o.Now = o.Now.Add(d.After)
		}
		t.Fatalf("no end after %v", told)
	})
}
