package judge

import (
	"fmt"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

const (
	originalPod  = "10.2.0.1"
	grayscalePod = "10.2.0.2"
)

// endpoints gives, by subset of the Service, each pod's priority for a caller.
func endpoints(s *xds.FakeDiscoveryServer, proxy *model.Proxy) map[string]map[string]uint32 {
	out := map[string]map[string]uint32{}
	for _, assignment := range s.Endpoints(proxy) {
		_, subset, name, _ := model.ParseSubsetKey(assignment.ClusterName)
		if string(name) != host {
			continue
		}
		pods := map[string]uint32{}
		for _, group := range assignment.Endpoints {
			for _, e := range group.LbEndpoints {
				pods[e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress()] = group.Priority
			}
		}
		out[subset] = pods
	}
	return out
}

// prefers checks which pods our subsets hold, and that the grayscale version's
// falls back on the original's, unless it is strict.
func prefers(caller string, result route.RulesResult, got map[string]map[string]uint32) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, caller+": "+fmt.Sprintf(format, args...)) }
	for _, target := range result.Subsets {
		if pods := got[target.Original]; len(pods) != 1 || !has(pods, originalPod, 0) {
			add("%s holds %v, want the original's pod alone", target.Original, pods)
		}
		pods := got[target.Version]
		switch {
		case !has(pods, grayscalePod, 0):
			add("%s holds %v, want the grayscale version's pod first", target.Version, pods)
		case result.Strict && len(pods) != 1:
			add("%s holds %v, want the grayscale version's pod alone", target.Version, pods)
		case !result.Strict && (len(pods) != 2 || pods[originalPod] == 0):
			add("%s holds %v, want the original's pod behind the other", target.Version, pods)
		}
	}
	return wrong
}

func has(pods map[string]uint32, pod string, priority uint32) bool {
	got, ok := pods[pod]
	return ok && got == priority
}
