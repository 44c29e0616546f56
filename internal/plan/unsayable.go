package plan

import (
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Unsayable says why routes can't be what an intent asks for, now or once its
// traffic is the policy again: rules and copies where all routes lead connections, two conditions that one Istio match can't hold,
// weights or sizes above what Istio takes, and copies in a delegate that a root
// would drop. subsets are what the user's subsets
// mean for the release.
func Unsayable(s Snapshot, i intent.Intent, subsets route.Subsets) (faults intent.Faults) {
	faults = s.connectionFaults(intent.Share{Match: i.Match, Mirror: i.Mirror})
	key := intent.KeyWeight
	switch {
	case len(i.Match) > 0:
		key = intent.KeyMatch
	case i.Mirror > 0:
		key = intent.KeyMirror
	}
	split := route.Split{Service: s.Key, Weight: i.Weight, Match: i.Match, Mirror: i.Mirror, Subsets: subsets}
	for _, vs := range s.VirtualServices {
		if route.Ours(vs) {
			continue
		}
		after, err := route.Apply(vs, append(peers(vs, s.Key), split))
		if err != nil {
			faults = append(faults, intent.Fault{Kind: intent.Invalid, At: key, Why: "can't be routed: " + err.Error()})
			continue
		}
		for _, root := range s.VirtualServices {
			faults = append(faults, route.DelegateFaults(root, after)...)
		}
		faults = append(faults, route.CrowdFaults(after, s.VirtualServices)...)
	}
	return faults
}

// Intended says what the user's subsets would mean for a release that starts.
func Intended(s Snapshot, spec release.Spec) route.Subsets {
	in := s.rulesInput(spec.Versions)
	in.Mirror = spec.Intent.Mirror > 0
	result, _ := route.Rules(in)
	return result.Subsets
}

// unsaid says why some VirtualService is not what is asked for, and can't be: by
// its own routes or by another's, which may have come mid-way.
func (v view) unsaid() (faults []string) {
	for _, r := range v.routes {
		if r.own {
			continue
		}
		found := route.L4Faults(r.vs, v.Key)
		after, err := v.with(r, v.share)
		if err != nil {
			faults = append(faults, err.Error())
		} else {
			found = append(found, route.CrowdFaults(after, v.VirtualServices)...)
			for _, root := range v.VirtualServices {
				found = append(found, route.DelegateFaults(root, after)...)
			}
		}
		for _, f := range found {
			faults = append(faults, f.Error())
		}
	}
	return faults
}
