package manifests

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// configure writes image and flags into the controller's Deployment. kustomize
// could patch them only by their place in the list.
func (o Options) configure(deployment *unstructured.Unstructured) error {
	containers, _, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil {
		return err
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok || container["name"] != Container {
			continue
		}
		if o.Image != "" {
			container["image"] = o.Image
		}
		args, _, err := unstructured.NestedStringSlice(container, "args")
		if err != nil {
			return err
		}
		if err := unstructured.SetNestedStringSlice(container, o.flags(args), "args"); err != nil {
			return err
		}
		return unstructured.SetNestedSlice(deployment.Object, containers, path...)
	}
	return fmt.Errorf("no container %q", Container)
}

var path = []string{"spec", "template", "spec", "containers"}

// flags gives the arguments with those that were asked for in their place. An
// argument of an older installation that the base says by itself is the base's.
func (o Options) flags(args []string) []string {
	for _, arg := range o.Arguments {
		flag, _, _ := strings.Cut(arg, "=")
		if !slices.ContainsFunc(args, func(has string) bool { return is(has, flag) }) {
			args = append(args, arg)
		}
	}
	args = withDuration(args, "--propagation-delay", o.Propagation)
	args = withDuration(args, "--drain", o.Drain)
	args = withDuration(args, "--readiness-hold", o.Hold)
	if o.VersionLabel != "" {
		args = with(args, "--version-label", o.VersionLabel)
	}
	if o.RootNamespace != "" {
		args = with(args, "--root-namespace", o.RootNamespace)
	}
	return args
}

// is says whether an argument sets that flag.
func is(arg, flag string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") }

func withDuration(args []string, flag string, d *time.Duration) []string {
	if d == nil {
		return args
	}
	return with(args, flag, d.String())
}

func with(args []string, flag, value string) []string {
	for n, arg := range args {
		if is(arg, flag) {
			args[n] = flag + "=" + value
			return args
		}
	}
	return append(args, flag+"="+value)
}

// Installed reads back the options that a controller's Deployment was
// installed with: the container's image and the flags that it has, also those
// that were set by hand.
func Installed(deployment *unstructured.Unstructured) Options {
	o := Options{Namespace: deployment.GetNamespace()}
	if n, ok, err := unstructured.NestedInt64(deployment.Object, "spec", "replicas"); ok && err == nil {
		o.Replicas = int32(n)
	}
	containers, _, _ := unstructured.NestedSlice(deployment.Object, path...)
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok || container["name"] != Container {
			continue
		}
		o.Image, _, _ = unstructured.NestedString(container, "image")
		args, _, _ := unstructured.NestedStringSlice(container, "args")
		for _, arg := range joined(args) {
			o.read(arg)
		}
	}
	return o
}

// read takes one argument of the controller.
func (o *Options) read(arg string) {
	flag, value, _ := strings.Cut(arg, "=")
	switch flag {
	case "--propagation-delay":
		o.Propagation = duration(value)
	case "--drain":
		o.Drain = duration(value)
	case "--readiness-hold":
		o.Hold = duration(value)
	case "--version-label":
		o.VersionLabel = value
	case "--root-namespace":
		o.RootNamespace = value
	default:
		o.Arguments = append(o.Arguments, arg)
	}
}

// joined gives each flag with its value in one argument, where somebody has
// written two.
func joined(args []string) []string {
	var out []string
	for _, arg := range args {
		if last := len(out) - 1; last >= 0 && !strings.HasPrefix(arg, "-") && !strings.Contains(out[last], "=") {
			out[last] += "=" + arg
			continue
		}
		out = append(out, arg)
	}
	return out
}

// duration gives nil for what the controller itself would not have taken.
func duration(s string) *time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil
	}
	return &d
}
