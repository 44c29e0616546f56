package plan

import (
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// TCP and TLS routes lead connections, whose requests no proxy reads: they have a
// weight alone.

// connectionFaults says what of a policy none of a Service's routes could do,
// because each leads connections. Where some lead requests, the policy is theirs.
func (s Snapshot) connectionFaults(share intent.Share) (faults intent.Faults) {
	if len(share.Match) == 0 && share.Mirror == 0 || s.leadsRequests() {
		return nil
	}
	add := func(key, why string) {
		faults = append(faults, intent.Fault{
			Kind: intent.Unsupported, At: key,
			Why:   why + ", and all routes to Service " + s.Key.String() + " lead TCP or TLS connections, which no proxy looks into",
			Right: "use a weight alone; where the port carries HTTP, say so by its name or appProtocol",
		})
	}
	if len(share.Match) > 0 {
		add(intent.KeyMatch, "chooses by what a request holds")
	}
	if share.Mirror > 0 {
		add(intent.KeyMirror, "copies requests")
	}
	return faults
}

// leadsRequests says whether an HTTP route leads to the Service: a user's, or one
// of ours for the ports that those leave out.
func (s Snapshot) leadsRequests() bool {
	if gaps := s.gaps(); gaps.Host || len(gaps.HTTP) > 0 {
		return true
	}
	for _, vs := range s.VirtualServices {
		if route.Ours(vs) {
			continue
		}
		requests := vs.DeepCopy()
		if spec, ok := requests.Object["spec"].(map[string]any); ok {
			delete(spec, "tcp")
			delete(spec, "tls")
		}
		if slices.Contains(route.References(requests), s.Key) {
			return true
		}
	}
	return false
}

// connections says the same of the policy that is asked for mid-way.
func (v view) connections() (faults []string) {
	for _, f := range v.connectionFaults(v.share) {
		faults = append(faults, f.Error())
	}
	return faults
}
