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
	Rules  bool // a DestinationRule of ours stands
	Clone  Side
	Origin Side

	Propagation, Drain, Hold time.Duration
}

// Asked is the intent as far as it still moves a running release.
type Asked struct {
	Policy     Policy
	Undersized bool // the user accepts too few replicas
	// Managed is who would bring the original back if it were deleted, or undo
	// a route that is moved at the end; empty when nobody would.
	Managed string
}

// Asked is the share that the policy asks for, traffic and end counted in.
func (p Policy) Asked() intent.Weight {
	return intent.Intent{Weight: p.Weight, Traffic: p.Traffic, End: p.End}.Asked()
}

// Routes is what the VirtualServices say together.
type Routes struct {
	Ours     int  // routes of ours
	Unpinned bool // a route that needs one of ours in front has none
	NeedPins bool // at weight 0 some route needs one of ours in front
	ToMove   int  // the user's routes that name the original's version
	ToAppend int  // the user's rules that lack a subset for those routes to name
	Min, Max intent.Weight
}

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
}

// Gone says whether nothing of the side takes requests or will again.
func (s Side) Gone() bool { return !s.Exists && s.Endpoints == 0 }

// Replicas is the count that the grayscale version needs for a share of the
// traffic: fixed where it is not 0, else that share of peak, rounded up, at
// least 1.
func Replicas(share intent.Weight, fixed, peak int32) int32 {
	if fixed > 0 {
		return fixed
	}
	n := (int64(peak)*int64(share) + int64(intent.Full) - 1) / int64(intent.Full)
	return max(1, int32(n))
}

func (o Observation) peak() int32 { return max(o.Status.Peak, o.Origin.Replicas, 1) }

func (o Observation) need(share intent.Weight) int32 {
	return Replicas(share, o.Asked.Policy.Replicas, o.peak())
}

// undersized says whether the verb that was asked for must wait, for the
// grayscale version would hold all traffic with fewer pods than the original had.
func (o Observation) undersized() bool {
	p := o.Asked.Policy
	all := p.Traffic == intent.TrafficGrayscale || p.End == intent.EndFinish
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
