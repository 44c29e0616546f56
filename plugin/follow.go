package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// follower looks at one release whenever something of it changes.
type follower struct {
	e         *Env
	namespace string
	task      string
	uid       string // of the original: a task of that name on another Deployment is another release
	stalled   func() // called when nothing has changed for a while
}

func (e *Env) follower(f found) follower {
	uid := string(f.status.Original.UID)
	if uid == "" && f.deployment != nil {
		uid = string(f.deployment.GetUID())
	}
	return follower{e: e, namespace: f.namespace(), task: f.task, uid: uid}
}

// run shows see every state of the release until see is done or fails.
func (fo follower) run(ctx context.Context, see func(view.Release) (done bool, err error)) error {
	changes, stop, err := fo.e.watch(ctx,
		watched{"v1", "Service", fo.namespace, nil},
		watched{"apps/v1", "Deployment", fo.namespace, nil},
		watched{"v1", "Pod", fo.namespace, nil},
	)
	if err != nil {
		return err
	}
	defer stop()
	for {
		r, err := fo.state(ctx)
		if err != nil {
			return err
		}
		if done, err := see(r); done || err != nil {
			return err
		}
		switch err := next(ctx, changes); {
		case errors.Is(err, errStalled):
			// What passes by the clock alone, as propagation does, is looked
			// at anew, too.
			if fo.stalled != nil {
				fo.stalled()
			}
		case err != nil:
			return err
		}
	}
}

// state finds the release anew: it may have been claimed, or have ended.
func (fo follower) state(ctx context.Context) (view.Release, error) {
	s, err := fo.e.scene(ctx, fo.namespace)
	if err != nil {
		return view.Release{}, err
	}
	for _, f := range append(s.running(), s.ended()...) {
		if f.task != fo.task {
			continue
		}
		if uid := string(f.status.Original.UID); uid != "" && uid != fo.uid {
			continue
		}
		if f.broken != nil {
			return view.Release{}, f.broken
		}
		r := fo.e.look(ctx, f)
		r.Current = current(f, r.Status)
		return r, ctx.Err()
	}
	if ctx.Err() != nil {
		return view.Release{}, ctx.Err()
	}
	return view.Release{}, fmt.Errorf("release %s/%s is gone: its intent was removed before it held its Service", fo.namespace, fo.task)
}

// current says whether a status was made from the annotations as they are now.
func current(f found, s *release.Status) bool {
	if f.deployment == nil || f.deployment.GetAnnotations()[intent.KeyRelease] != f.task {
		return true // nothing newer can be asked
	}
	i, _ := intent.Parse(f.deployment.GetAnnotations())
	return equal(s.Policy, release.PolicyOf(i))
}

// equal compares policies by what a status would say of them.
func equal(a, b release.Policy) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// degraded says what is wrong with a release; empty when nothing is.
func degraded(r view.Release) string {
	if r.Status == nil || !r.Status.Is(release.Degraded) {
		return ""
	}
	c := r.Status.Condition(release.Degraded)
	return fmt.Sprintf("%s (%s): %s", c.Type, c.Reason, c.Message)
}

// await waits until a release reaches a goal, with progress on stderr.
func (e *Env) await(ctx context.Context, f found, g goal, timeout time.Duration) (view.Release, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	line := e.progress()
	defer line.end()
	var last view.Release
	var why *trouble
	told, wrong, commit := false, "", ""
	fo := e.follower(f)
	fo.stalled = func() {
		if text := degraded(last); text != wrong {
			wrong = text
			if text != "" {
				line.note("  %s", text)
			}
		}
		if why != nil {
			why.show(limited, line)
		}
		if _, down := e.settings(limited); down != "" && !told {
			line.note("  nothing moves: %s", down)
			if f.claimed {
				line.note("  what goes without it: %s", e.command(fo.namespace, "cancel", f.task, "--local"))
				if steered(last) {
					line.note("  what it does once it returns: %s", e.command(fo.namespace, "takeover", f.task, "--to", "original"))
				}
			}
			told = true
		}
	}
	err := fo.run(limited, func(r view.Release) (bool, error) {
		last = r
		if why == nil && r.Status.Clone != "" {
			why = e.trouble(r.Namespace, r.Status.Clone)
		}
		done, err := g.reached(r)
		if done && g.silent {
			return true, nil
		}
		line.show("%s", r.Line())
		if r.Commit != "" && r.Commit != commit {
			line.note("%s waits for the original to become this, committed where it is managed:\n%s", r.Name(), strings.TrimSpace(r.Commit))
		}
		commit = r.Commit
		return done, err
	})
	switch {
	case outOfTime(err):
		if why != nil {
			why.show(limited, line)
		}
		line.end()
		return last, coded{exitTimeout, fmt.Errorf("timed out after %s waiting until %s; release %s goes on: %s",
			timeout, g.name, fo.namespace+"/"+fo.task, e.command(fo.namespace, "status", fo.task, "-w"))}
	case errors.Is(err, context.Canceled):
		line.end()
		return last, coded{exitInterrupt, fmt.Errorf("stopped waiting; release %s/%s goes on: %s", fo.namespace, fo.task, e.command(fo.namespace, "status", fo.task, "-w"))}
	case err == nil && g.silent:
		line.end()
	case err == nil:
		line.keep()
	}
	return last, err
}
