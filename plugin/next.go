package plugin

import (
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// nextSteps are the commands that make sense for a release as it stands.
func (e *Env) nextSteps(r view.Release) []view.Step {
	task := r.Status.Task
	step := func(what string, words ...string) view.Step {
		return view.Step{Command: e.command(r.Namespace, words...), What: what}
	}
	watch := step("watch it", "status", task, "-w")
	cancel := step("back to the original", "cancel", task)
	if !r.Claimed && !r.Ended {
		return []view.Step{watch, step("take it back", "cancel", task)}
	}
	if r.ByHand {
		return []view.Step{step("until the controller has closed it", "wait", task, "--for", "end")}
	}
	if r.Down != "" && r.Claimed && !r.Ended {
		steps := []view.Step{step("back to the original without the controller", "cancel", task, "--local")}
		if steered(r) {
			steps = append(steps, step("all traffic to the original as soon as it returns", "takeover", task, "--to", "original"))
		}
		return steps
	}
	if risk := risk(r); risk != "" {
		verb := "policy"
		switch p := r.Status.Policy; {
		case p.End == intent.EndFinish:
			verb = "finish"
		case p.Traffic == intent.TrafficGrayscale:
			verb = "takeover"
		}
		return []view.Step{step("go on, and take the risk", verb, task, "--accept", string(risk)), cancel}
	}
	switch r.Status.Phase {
	case release.Pending, release.Starting:
		return []view.Step{watch, cancel}
	case release.Ready:
		if r.Status.Form == intent.BlueGreen {
			return []view.Step{step("all traffic", "takeover", task), cancel}
		}
		return []view.Step{step("a tenth of the traffic", "policy", task, "--weight", "10"), step("all traffic", "takeover", task), cancel}
	case release.Routing:
		return []view.Step{step("another share", "policy", task, "--weight", "PERCENT"), step("all traffic", "takeover", task), cancel}
	case release.TakenOver:
		back := step("back to the policy", "takeover", task, "--to", "policy")
		if r.Status.Form == intent.BlueGreen {
			back = step("back, and both stay", "takeover", task, "--to", "original")
		}
		if r.Status.Policy.End == intent.EndFinish {
			return []view.Step{step("until it is over", "wait", task, "--for", "end"), cancel}
		}
		return []view.Step{step("keep it", "finish", task), back, cancel}
	case release.Finishing, release.Cancelling:
		return []view.Step{step("until it is over", "wait", task, "--for", "end")}
	}
	return nil
}

// steered says whether the traffic of a release can still be steered: it is not on
// its way out.
func steered(r view.Release) bool {
	return r.Status.Policy.End == "" && !r.Status.Phase.Ending()
}
