package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// find finds the release that TASK names in the namespace of -n: by its task
// name, as svc/NAME or as deploy/NAME. One that runs comes before one that has
// ended, and a newer one before an older. Several, or none, is an error that
// lists what there is.
func (e *Env) find(ctx context.Context, arg string) (found, error) {
	namespace, err := e.Namespace()
	if err != nil {
		return found{}, err
	}
	s, err := e.scene(ctx, namespace)
	if err != nil {
		return found{}, err
	}
	return s.find(arg)
}

func (s scene) find(arg string) (found, error) {
	is, err := matcher(arg)
	if err != nil {
		return found{}, err
	}
	running := slices.DeleteFunc(s.running(), func(f found) bool { return !is(f) })
	if len(running) > 1 {
		return found{}, fmt.Errorf("%s: %d releases in namespace %s go by that: %s", arg, len(running), s.namespace, ways(running))
	}
	if len(running) == 1 {
		return running[0], running[0].broken
	}
	ended := slices.DeleteFunc(s.ended(), func(f found) bool { return !is(f) })
	if len(ended) == 0 {
		return found{}, s.absent(arg)
	}
	for _, f := range ended {
		if f.status.Service != ended[0].status.Service {
			return found{}, fmt.Errorf("%s: releases of several Services in namespace %s went by that: %s", arg, s.namespace, ways(ended))
		}
	}
	return ended[0], nil
}

// matcher says what an argument stands for.
func matcher(arg string) (func(found) bool, error) {
	kind, name, slash := strings.Cut(arg, "/")
	if !slash {
		return func(f found) bool { return f.task == arg }, nil
	}
	if name == "" {
		return nil, usage("%q names nothing: write TASK, svc/NAME or deploy/NAME", arg)
	}
	switch strings.ToLower(kind) {
	case "svc", "service", "services":
		return func(f found) bool { return f.service != nil && f.service.GetName() == name }, nil
	case "deploy", "deployment", "deployments", "deployment.apps", "deployments.apps":
		return func(f found) bool { return f.status.Original.Name == name || f.status.Clone == name }, nil
	}
	return nil, usage("%q: a release is no %s: write TASK, svc/NAME or deploy/NAME", arg, kind)
}

// ways lists releases each by a name that only it has.
func ways(list []found) string {
	var out []string
	for _, f := range list {
		way := "deploy/" + f.status.Original.Name
		if f.claimed || f.ended {
			way = "svc/" + f.service.GetName()
		}
		if !slices.Contains(out, way) {
			out = append(out, way)
		}
	}
	return strings.Join(out, ", ")
}

// absent is the error of a release that is not there.
func (s scene) absent(arg string) error {
	var names []string
	for _, f := range s.running() {
		names = append(names, f.task)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: no such release in namespace %s, where none runs", arg, s.namespace)
	}
	return fmt.Errorf("%s: no such release in namespace %s; what runs there: %s", arg, s.namespace, strings.Join(names, ", "))
}

// writable gives the release that TASK names, if its intent can still be changed.
func (e *Env) writable(ctx context.Context, arg string) (found, error) {
	f, err := e.find(ctx, arg)
	if err != nil {
		return f, err
	}
	name := f.namespace() + "/" + f.task
	if f.ended {
		return f, fmt.Errorf("release %s is over (%s): %s", name, f.status.Phase, over(f.status))
	}
	if f.deployment == nil {
		return f, fmt.Errorf("release %s: its original, Deployment %s/%s, is gone, and with it the annotations that could be changed", name, f.namespace(), f.status.Original.Name)
	}
	if task := f.deployment.GetAnnotations()[intent.KeyRelease]; task != f.task {
		return f, fmt.Errorf("release %s is being cancelled: its intent is no longer on Deployment %s/%s", name, f.namespace(), f.deployment.GetName())
	}
	return f, nil
}

// steerable is writable, and not on its way out.
func (e *Env) steerable(ctx context.Context, arg string) (found, error) {
	f, err := e.writable(ctx, arg)
	if err != nil {
		return f, err
	}
	if end := f.deployment.GetAnnotations()[intent.KeyEnd]; end != "" {
		return f, fmt.Errorf("release %s/%s is on its way out (%s is asked for); its traffic can't be steered any more", f.namespace(), f.task, end)
	}
	return f, nil
}

func over(s *release.Status) string {
	if s.Message != "" {
		return s.Message
	}
	return s.Phase.Sentence()
}
