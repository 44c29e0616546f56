package load

import (
	"context"
	"time"
)

// late is how far behind its times a worker may fall before it forgets the
// requests that it owes: after a stall the target is not to get a burst.
const late = 100 * time.Millisecond

// pace gives the times at which one worker sends.
type pace struct {
	interval time.Duration // 0: at once
	next     time.Time
	timer    *time.Timer
}

// newPace spreads the workers of a target evenly over their interval.
func newPace(t Target, worker int) *pace {
	p := &pace{}
	if t.Rate > 0 {
		workers := max(t.Workers, 1)
		p.interval = time.Second * time.Duration(workers) / time.Duration(t.Rate)
		p.next = time.Now().Add(p.interval * time.Duration(worker) / time.Duration(workers))
		p.timer = time.NewTimer(time.Until(p.next))
	}
	return p
}

// wait waits for the next time to send; false: there is none, ctx has ended.
func (p *pace) wait(ctx context.Context) bool {
	if p.interval == 0 {
		return ctx.Err() == nil
	}
	p.timer.Reset(time.Until(p.next))
	select {
	case <-p.timer.C:
	case <-ctx.Done():
		return false
	}
	p.next = p.next.Add(p.interval)
	if now := time.Now(); now.Sub(p.next) > late {
		p.next = now
	}
	return true
}
