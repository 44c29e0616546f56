package decide

import (
	"fmt"
	"strconv"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// size judges a fixed number of replicas against what the traffic that is
// asked for needs; peak is the highest count of the original since the claim.
// With a share of the traffic too few is a warning, with all of it, be it by a
// weight of 100, a refusal, unless the user accepts it.
func size(i intent.Intent, peak int32) (v Verdict) {
	if i.Replicas == 0 {
		return v
	}
	peak = max(peak, 1)
	replicas := strconv.Itoa(int(i.Replicas))
	verb, key := "", ""
	switch {
	case i.End == intent.EndFinish:
		verb, key = "finish", intent.KeyEnd
	case i.End == intent.EndNone && i.Traffic == intent.TrafficGrayscale:
		verb, key = "take-over", intent.KeyTraffic
	case i.Asked().All():
		verb, key = "take-over", intent.KeyWeight
	}
	need := release.Replicas(i.Asked(), i.Form, 0, peak)
	switch {
	case verb != "" && i.Replicas < peak && !i.Accepts(intent.Undersized):
		v.refuse(intent.Fault{
			Kind: intent.Forbidden, At: intent.KeyReplicas, Value: replicas,
			Why:   fmt.Sprintf("is too few for a %s (%s): the original version had up to %d", verb, key, peak),
			Right: fmt.Sprintf("write auto or at least %d", peak), Risk: intent.Undersized,
		})
	case verb == "" && i.Replicas < need:
		v.warn(fmt.Sprintf("%s: %s is less than the %d replicas that %s would have of the original's %d",
			intent.KeyReplicas, replicas, need, portion(i), peak))
	}
	return v
}

// unready warns of a Service that has pods among its endpoints before they are
// ready: no proxy leaves them out.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec
func unready(s release.Service) (v Verdict) {
	if s.PublishesUnready {
		v.warn(fmt.Sprintf("Service %s has publishNotReadyAddresses: Envoy does not fail over there, and sends requests to pods of either version that are not ready; the controller moves the traffic when a version has no ready pod", s.Key()))
	}
	return v
}

// portion says in words what the grayscale version's count follows from.
func portion(i intent.Intent) string {
	if i.Form == intent.BlueGreen {
		return "blue-green"
	}
	share := i.Asked()
	return max(share.Weight, share.Mirror).String() + " % of the traffic"
}
