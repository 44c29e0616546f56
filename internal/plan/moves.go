package plan

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// At a finish by replace the original's subsets lose their last pod. So the
// user's routes that name one must name the grayscale version's instead.

// named gives the user's subsets of the original version that his own routes
// name: those that must be moved.
func (v view) named() map[string]bool {
	out := map[string]bool{}
	for _, r := range v.routes {
		if r.own {
			continue
		}
		for _, subset := range route.SubsetsOf(route.Strip(r.vs), v.Key) {
			if v.rules.Subsets[subset].Pinned {
				out[subset] = true
			}
		}
	}
	return out
}

// successors gives, by the user's subset that is named, what the user's rules
// become where they lack a subset for the grayscale version. A route can name but
// one, and callers do not all go by the same rule: where the rules have it under
// different names, each gets one under a name that all can have.
func (v view) successors() (moves map[string]string, rules map[*unstructured.Unstructured]*unstructured.Unstructured) {
	moves, rules = map[string]string{}, map[*unstructured.Unstructured]*unstructured.Unstructured{}
	label := intent.DNSLabel(v.claim.Grayscale.Version)
	alike, torn := v.torn(label)
	for _, rule := range v.DestinationRules {
		if route.Ours(rule) {
			continue
		}
		after, names := route.Succeed(rule, alike, v.versions, label)
		maps.Copy(moves, names)
		for _, old := range torn {
			if _, has := route.Selector(rule, old); has {
				after, moves[old] = route.SucceedAlike(after, old, v.versions, label)
			}
		}
		if !same(rule, after) {
			rules[rule] = after
		}
	}
	return moves, rules
}

// torn sorts the user's subsets that are named by whether all rules that have one
// would have its successor under one name.
func (v view) torn(label string) (alike, torn []string) {
	names := map[string]map[string]bool{}
	used := sortedKeys(v.named())
	for _, rule := range v.DestinationRules {
		if route.Ours(rule) {
			continue
		}
		_, found := route.Succeed(rule, used, v.versions, label)
		for old, name := range found {
			if names[old] == nil {
				names[old] = map[string]bool{}
			}
			names[old][name] = true
		}
	}
	for _, old := range used {
		if len(names[old]) > 1 {
			torn = append(torn, old)
		} else {
			alike = append(alike, old)
		}
	}
	return alike, torn
}

// moved says whether the user's own routes in a VirtualService are moved.
func (v view) moved(r routing, moves map[string]string) bool {
	users := route.Strip(r.vs)
	return !r.own && !same(users, route.Retarget(users, v.Key, moves))
}

func (v view) moves() map[string]string {
	moves, _ := v.successors()
	return moves
}

func (v view) appendSubsets(p *Plan) {
	_, rules := v.successors()
	for _, rule := range v.DestinationRules {
		if after, ok := rules[rule]; ok {
			p.Changes = append(p.Changes, Change{Action: Update, Before: rule, Object: after, Release: true, Why: "adds a subset for the version that stays"})
		}
	}
}

// managers say who would undo the end that is asked for: managed, who manages
// what a finish deletes or moves; source, who manages the original that a finish
// in place would write.
func (v *view) managers() (managed, source string) {
	i := v.intent
	if i == nil || i.End != intent.EndFinish || v.original == nil {
		return "", ""
	}
	original := workload.Manager(v.original)
	if v.claim.Finish == intent.InPlace {
		source, original = original, ""
	}
	if i.Accepts(intent.Managed) {
		return "", source
	}
	if v.claim.Finish == intent.Replace && original == "" {
		if hpa := v.autoscaler(v.original); hpa != nil {
			original = hpa.GetKind() + " " + hpa.GetName()
		} else {
			original = v.unknownScaler()
		}
	}
	if original == "" {
		original = v.routesManager()
	}
	return original, source
}

// routesManager names who manages a route, or the rule with a subset, that is
// moved at the end.
func (v *view) routesManager() string {
	moves, rules := v.successors()
	for _, r := range v.routes {
		if who := workload.Manager(r.vs); who != "" && v.moved(r, moves) {
			return who + ", who manages VirtualService " + r.vs.GetNamespace() + "/" + r.vs.GetName()
		}
	}
	for rule := range rules {
		if who := workload.Manager(rule); who != "" {
			return who + ", who manages DestinationRule " + rule.GetNamespace() + "/" + rule.GetName()
		}
	}
	return ""
}
