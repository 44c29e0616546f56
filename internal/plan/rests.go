package plan

import (
	"slices"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// What is decided rests on what was read, not on the writes before it in the same
// plan. So one object that can't be written, in another namespace say, must not keep
// traffic where it is. Only what can't be taken back waits until all else is written.

// RestsOn says whether a change is not made where another one of its plan, before
// it, was not. Routes, new rules, what is noted on one, and more pods rest on none; fewer
// pods, the clone's deletion and a rule's on all but rules, an edited rule on rules,
// all else on everything.
func (c Change) RestsOn(failed Change) bool {
	switch {
	case c.kind() == "DestinationRule" && c.Action == Update:
		// Those beside the Service get their subsets last: the time on them bounds what
		// is believed of the others.
		return failed.kind() == "DestinationRule" && !sameRule(c.Before, c.Object)
	case c.Action == Scale && release.WorkloadOf(c.Object).Replicas > release.WorkloadOf(c.Before).Replicas:
		return false // routes elsewhere wait for these pods
	case c.routing() && c.Action != Delete:
		return false
	case c.Action == Scale, c.Action == Delete && (c.kind() == "DestinationRule" || workload.IsClone(c.Before)):
		return failed.kind() != "DestinationRule"
	}
	return true
}

// Skips says whether a change rests on any of those that were not made.
func (c Change) Skips(failed []Change) bool { return slices.ContainsFunc(failed, c.RestsOn) }

// routesFirst has routes be written before rules, of which another namespace may want
// any number: a route names no subset that a rule gets in the same plan.
func (p *Plan) routesFirst() {
	slices.SortStableFunc(p.Changes, func(a, b Change) int { return a.late() - b.late() })
}

func (c Change) late() int {
	if c.kind() == "VirtualService" && c.Action == Update {
		return 0
	}
	return 1
}

func (c Change) routing() bool { return c.kind() == "VirtualService" || c.kind() == "DestinationRule" }

func (c Change) kind() string {
	if c.Object != nil {
		return c.Object.GetKind()
	}
	return c.Before.GetKind()
}
