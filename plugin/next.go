package plugin

import (
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// nextSteps are the commands that make sense for a release as it stands.
func (e *Env) nextSteps(f found) []view.Step {
	step := func(what string, words ...string) view.Step {
		return view.Step{Command: e.command(f.namespace(), words...), What: what}
	}
	watch := step("watch it", "status", f.task, "-w")
	cancel := step("back to the original", "cancel", f.task)
	if !f.claimed && !f.ended {
		return []view.Step{watch, step("take it back", "cancel", f.task)}
	}
	switch f.status.Phase {
	case release.Pending, release.Starting:
		return []view.Step{watch, cancel}
	case release.Ready:
		return []view.Step{step("a tenth of the traffic", "policy", f.task, "--weight", "10"), step("all traffic", "takeover", f.task), cancel}
	case release.Routing:
		return []view.Step{step("another share", "policy", f.task, "--weight", "PERCENT"), step("all traffic", "takeover", f.task), cancel}
	case release.TakenOver:
		return []view.Step{
			step("keep it", "finish", f.task),
			step("back to the policy", "takeover", f.task, "--to", "policy"),
			cancel,
		}
	case release.Finishing, release.Cancelling:
		return []view.Step{step("until it is over", "wait", f.task, "--for", "end")}
	}
	return nil
}
