package release

import (
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// Observation is what a decision about a running release rests on: the claim,
// what is asked, and what the objects say.
type Observation struct {
	Now    time.Time
	Status *Status
	Asked  Asked
	Routes Routes
	Rules  bool   // a DestinationRule of ours stands
	Strict string // why Envoy can't fail over by itself, as the rules should be now; empty when it can
	Clone  Side
	Origin Side
	// Impostors and Twins name what has the version label of the grayscale version, or
	// of the original, and is not the clone's, or the original's, in a sentence; empty
	// where there is none.
	Impostors, Twins string

	Propagation, Drain, Hold time.Duration
}

// Asked is the intent as far as it still moves a running release.
type Asked struct {
	Policy     Policy
	Undersized bool // the user accepts too few replicas
	// Managed is who would bring the original back if it were deleted, or undo
	// a route that is moved at the end; empty when nobody would.
	Managed string
	// Unrouted names the ways to the pods that no route pins, and that the user
	// does not accept; empty when there is none.
	Unrouted string
	// Source is who manages the original, where the release finishes in place: it
	// is not written, and the new template has to come from there.
	Source string
}

// Asked is the share that the policy asks for, traffic and end counted in.
func (p Policy) Asked(form intent.Form) intent.Share {
	return intent.Intent{Form: form, Weight: p.Weight, Match: p.Match, Mirror: p.Mirror, Traffic: p.Traffic, End: p.End}.Asked()
}

// Routes is what the VirtualServices say together.
type Routes struct {
	Ours     int  // routes of ours
	Near     bool // some of them where only those write whom all callers of the Service trust
	Unpinned bool // a route that needs one of ours in front has none
	NeedPins bool // at weight 0 some route needs one of ours in front
	ToMove   int  // the user's routes that name the original's version
	ToAppend int  // the user's rules that lack a subset for those routes to name
	Min, Max intent.Weight
	Content  int           // routes of ours by request content
	Mirror   intent.Weight // the largest share of the original's requests that is copied
	// Within: what is asked takes nothing from the original that it has now.
	Within bool
	// Delivered: every route is what is asked.
	Delivered bool
}

// Serves says whether the grayscale version gets any request, or a copy of one.
func (r Routes) Serves() bool { return r.Max > 0 || r.Content > 0 || r.Mirror > 0 }

// Side is one of the two versions.
type Side struct {
	Exists     bool
	Leaving    bool  // has a deletion timestamp
	Labelled   bool  // carries our labels (the clone)
	Replicas   int32 // asked of its Deployment
	Ready      int32 // endpoints of the Service that take requests
	Endpoints  int32 // endpoints in any state
	ReadySince time.Time
	Trouble    string // of a pod: "ImagePullBackOff: …"
	Scaler     string // who scales it: "HorizontalPodAutoscaler reviews, minReplicas 2"; empty: nobody
	// Of the original, where the release finishes in place:
	Updated   bool  // its template is the grayscale version's
	Renewed   int32 // its pods of the grayscale version that take requests
	RolledOut bool  // all its pods are of the grayscale version, and ready, and there is one
	Paused    bool  // its roll-out is
}

// Gone says whether nothing of the side takes requests or will again.
func (s Side) Gone() bool { return !s.Exists && s.Endpoints == 0 }

// Replicas is the count that the grayscale version needs for a share of the
// traffic: fixed where it is not 0, else that share of peak, rounded up, at
// least 1. Blue-green needs all of it from the start, for any moment can be the
// one at which everything goes there.
func Replicas(share intent.Share, form intent.Form, fixed, peak int32) int32 {
	if fixed > 0 {
		return fixed
	}
	part := max(share.Weight, share.Mirror)
	if form == intent.BlueGreen {
		part = intent.Full
	}
	n := (int64(peak)*int64(part) + int64(intent.Full) - 1) / int64(intent.Full)
	return max(1, int32(n))
}

func (o Observation) peak() int32 { return max(o.Status.Peak, o.Origin.Replicas, 1) }

func (o Observation) need(share intent.Share) int32 {
	return Replicas(share, o.Status.Form, o.Asked.Policy.Replicas, o.peak())
}

// all is the count that the grayscale version needs to hold all traffic; once it
// does, an autoscaler of its own knows better.
func (o Observation) all() int32 {
	if o.Clone.Scaler != "" && o.Clone.Replicas > 0 && o.holdsAll() {
		return o.Clone.Replicas
	}
	return o.need(everything)
}

// renewedAll says whether the original's new pods can hold all traffic without
// the clone's: as many as those, whoever scales them. An autoscaler of the original
// sees but the share that its own pods have, and follows only once it is too late.
func (o Observation) renewedAll() bool {
	return o.Origin.RolledOut && (o.Asked.Undersized || o.Origin.Renewed >= o.all())
}

// everything is the share of a version that has taken over.
var everything = intent.Share{Weight: intent.Full}

// asked is the share that is asked for.
func (o Observation) asked() intent.Share { return o.Asked.Policy.Asked(o.Status.Form) }

// live is the most that any route gives the grayscale version.
func (o Observation) live() intent.Share {
	return intent.Share{Weight: o.Routes.Max, Mirror: o.Routes.Mirror}
}

// undersized says whether what was asked for must wait, for the grayscale version
// would hold all traffic with fewer pods than the original had.
func (o Observation) undersized() bool {
	p := o.Asked.Policy
	all := o.asked().All() || p.Traffic == intent.TrafficGrayscale || p.End == intent.EndFinish
	return all && !o.Asked.Undersized && p.Replicas > 0 && p.Replicas < o.peak()
}

// left gives how long is left of a delay that began then; 0 when it is over.
// A moment that was never noted counts as now.
func (o Observation) left(from time.Time, delay time.Duration) time.Duration {
	if from.IsZero() {
		return delay
	}
	return max(0, from.Add(delay).Sub(o.Now))
}
