package plan

import (
	"cmp"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// Make says what to do next about a Service.
func Make(s Snapshot, now time.Time) Plan {
	now = now.UTC().Truncate(time.Millisecond)
	if s.Service == nil {
		p, _ := orphans(s, now)
		return p
	}
	claim, err := release.Claim(s.Service.GetAnnotations(), s.Service.GetUID())
	if err != nil {
		return unread(s, err)
	}
	if claim == nil {
		p, left := orphans(s, now)
		if left {
			return s.waiting(p) // what the last claim left goes before the next one
		}
		next := claimNext(s, now)
		if next.Idle() { // what is left elsewhere waits for the next one, not that for it
			next.Changes, next.After = p.Changes, p.After
		}
		return next
	}
	p := proceed(s, claim, now)
	if p.Idle() {
		p = p.and(reject(s, claim, now))
	}
	return p
}

// and adds what a second plan writes on the Service.
func (p Plan) and(q Plan) Plan {
	p.Annotations = q.Annotations
	p.Events = append(p.Events, q.Events...)
	return p
}

// proceed takes the running release one pass on.
func proceed(s Snapshot, claim *release.Status, now time.Time) Plan {
	v := look(s, claim.Until(now), now)
	d := release.Decide(v.observation)
	p := Plan{After: d.After, Holds: d.Message}
	for _, do := range d.Do {
		v.carryOut(&p, do, d)
	}
	if d.Ends {
		v.disown(&p)
	}
	p.routesFirst()
	d = v.possible(&p, d)
	p.Status = v.status(d, &p)
	switch {
	case len(p.Changes) > 0:
		// The status tells what was read back, so it waits for the next pass.
	case d.Ends:
		p.Annotations = closing(s, p.Status, now)
		p.Events = append(p.Events, v.ended(p.Status)...)
	case differs(claim, p.Status):
		p.Annotations = s.claimed(p.Status)
		p.Events = append(p.Events, v.changed(claim, p.Status)...)
	}
	return p
}

// possible leaves out what somebody else keeps undoing, and what his objects have
// the name of. Then what was decided is not done, and neither phase nor steps go
// on.
func (v view) possible(p *Plan, d release.Decision) release.Decision {
	asked := len(p.Changes)
	v.spareNames(p)
	p.Fought = v.slower(p, v.now)
	if len(p.Changes) == asked {
		return d
	}
	return release.Decision{Phase: v.claim.Phase, Reason: d.Reason, Message: cmp.Or(p.Fought, strings.Join(p.Refused, "; "))}
}

// carryOut turns one thing to do into the changes that it still needs.
func (v view) carryOut(p *Plan, do release.Do, d release.Decision) {
	switch do {
	case release.KeepRules:
		v.keepRules(p)
	case release.KeepRoutes:
		v.routesAt(p, d.Share, true)
	case release.SetRoutes:
		v.routesAt(p, d.Share, false)
	case release.StripRoutes:
		v.strip(p, nil)
	case release.MoveRoutes:
		v.strip(p, v.moves())
	case release.AppendSubsets:
		v.appendSubsets(p)
	case release.DropRules:
		v.dropRules(p)
	case release.KeepClone:
		v.keepClone(p, d.Replicas)
	case release.DeleteClone:
		v.remove(p, v.clone, "takes the grayscale version away")
	case release.DeleteOrigin:
		v.remove(p, v.original, "takes the original version away")
	case release.UpdateOrigin:
		v.updateOriginal(p)
	case release.FreeClone:
		v.freeClone(p)
	case release.RemoveIntent:
		v.forget(p)
	}
}

// sooner keeps the earlier of two times to look again; 0 is never.
func (p *Plan) sooner(after time.Duration) {
	if after > 0 && (p.After == 0 || after < p.After) {
		p.After = after
	}
}
