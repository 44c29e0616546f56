package route

import (
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// tangled finds rules of one namespace for the host of which istiod, after
// merging one of ours with its peer, would also keep ours alone, or none for
// callers that a workloadSelector leaves out: in mergeDestinationRule the last
// rule that was compared decides, whatever its exportTo.
func tangled(in RulesInput, namespace string, sites []site) intent.Faults {
	if namespace == in.RootNamespace && namespace != in.Service.Namespace {
		// The private ones are kept apart from the exported there.
		var inside, outside []site
		for _, s := range sites {
			if len(s.users) > 0 && private(s.users[0]) {
				inside = append(inside, s)
			} else {
				outside = append(outside, s)
			}
		}
		return append(crossed(in, namespace, inside), crossed(in, namespace, outside)...)
	}
	return crossed(in, namespace, sites)
}

// crossed does that for rules that istiod keeps together.
func crossed(in RulesInput, namespace string, sites []site) (faults intent.Faults) {
	general := plain(sites)
	selected := len(general) < len(sites)
	for i, s := range general {
		if len(s.users) == 0 {
			continue
		}
		names := strings.Join(texts(s.exportTo), ", ")
		switch {
		case i > 0:
			faults = append(faults, intent.Fault{
				Kind: intent.Conflict, At: ruleName(s.users[0]), Value: names,
				Why:   "is another exportTo than that of " + ruleName(general[0].users[0]) + ", so that istiod would not merge rules for " + Host(in.Service) + " reliably",
				Right: "give the rules of namespace " + namespace + " for one host the same exportTo",
			})
		case selected && names == ".":
			faults = append(faults, intent.Fault{
				Kind: intent.Conflict, At: ruleName(s.users[0]), Value: names,
				Why:   "is an exportTo with which istiod drops the rule beside one with a workloadSelector",
				Right: "leave exportTo out",
			})
		}
	}
	return faults
}
