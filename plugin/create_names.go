package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// original works out the Deployment to release: the one that was named, or the
// only one of the Service. A running release's clone is none.
func (o *createOptions) original(s scene) (*unstructured.Unstructured, error) {
	if o.workload != "" {
		d := s.deployment(s.namespace, o.workload)
		switch {
		case d == nil:
			return nil, fmt.Errorf("no Deployment %s/%s; there are: %s", s.namespace, o.workload, names(s.deployments))
		case workload.IsClone(d):
			return nil, fmt.Errorf("the Deployment %s/%s is the grayscale version of release %s; release it again once that is finished", s.namespace, o.workload, d.GetLabels()[intent.LabelTask])
		}
		return d, nil
	}
	u := s.service(s.namespace, o.service)
	if u == nil {
		return nil, fmt.Errorf("no Service %s/%s; there are: %s", s.namespace, o.service, names(s.services))
	}
	service := release.ServiceOf(u)
	var of []*unstructured.Unstructured
	for _, d := range s.deployments {
		if !workload.IsClone(d) && service.Selects(release.WorkloadOf(d).Template) {
			of = append(of, d)
		}
	}
	switch len(of) {
	case 0:
		return nil, fmt.Errorf("the Service %s selects no Deployment's pods, so there is nothing to release", service.Key())
	case 1:
		return of[0], nil
	}
	var list []string
	for _, d := range of {
		list = append(list, fmt.Sprintf("deploy/%s (%s)", d.GetName(), cmp.Or(versionOf(d), "no version")))
	}
	return nil, fmt.Errorf("the Service %s has %d Deployments; say which one to release with --workload: %s", service.Key(), len(of), strings.Join(list, ", "))
}

// versionOf is what a Deployment's version labels say, for a list.
func versionOf(d *unstructured.Unstructured) string {
	template := release.WorkloadOf(d).Template
	for _, key := range release.DefaultLabels {
		if template[key] != "" {
			return template[key]
		}
	}
	return ""
}

func names(objects []*unstructured.Unstructured) string {
	var out []string
	for _, u := range objects {
		out = append(out, u.GetName())
	}
	slices.Sort(out)
	return cmp.Or(strings.Join(out, ", "), "none")
}

// same gives the release that the Deployment already asks for, if this create
// would ask for the same. A different one is an error that says what to do.
func (o *createOptions) same(s scene, d *unstructured.Unstructured) (*found, error) {
	there := d.GetAnnotations()
	task := there[intent.KeyRelease]
	if task == "" || s.spent(task, d) {
		return nil, nil
	}
	name := s.namespace + "/" + task
	if o.task != "" && o.task != task {
		return nil, fmt.Errorf("the Deployment %s/%s has release %s already; finish or cancel it first", s.namespace, d.GetName(), name)
	}
	var differs []string
	asked := o.asked()
	for _, key := range slices.Sorted(maps.Keys(asked)) {
		if !sameMeaning(key, there[key], asked[key]) {
			differs = append(differs, fmt.Sprintf("%s is %s", flagFor(key), inOneLine(there[key])))
		}
	}
	if len(differs) > 0 {
		return nil, fmt.Errorf("release %s of Deployment %s/%s exists already, and is another one (%s); change its policy, or finish or cancel it first",
			name, s.namespace, d.GetName(), strings.Join(differs, ", "))
	}
	for _, f := range s.running() {
		if f.task == task && f.deployment != nil && f.deployment.GetUID() == d.GetUID() {
			return &f, nil
		}
	}
	return nil, nil
}

// sameMeaning says whether two values of an annotation ask for the same: shares
// and YAML can be written in several ways.
func sameMeaning(key, a, b string) bool {
	if a == b || a == "" || b == "" {
		return a == b
	}
	switch key {
	case intent.KeyWeight, intent.KeyMirror:
		x, errX := intent.ParseWeight(a)
		y, errY := intent.ParseWeight(b)
		return errX == nil && errY == nil && x == y
	case intent.KeyMatch, intent.KeyPatch:
		var x, y any
		return yaml.Unmarshal([]byte(a), &x) == nil && yaml.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
	}
	return false
}

// inOneLine is a value of an annotation within a sentence.
func inOneLine(value string) string {
	switch {
	case value == "":
		return "not set"
	case strings.Contains(strings.TrimSpace(value), "\n"):
		return "another"
	}
	return strings.TrimSpace(value)
}

// taskName is the default: SERVICE-VERSION, as a task name.
func taskName(service, version string) string {
	const most = 63
	name := service + "-" + intent.DNSLabel(version)
	if len(name) > most-3 { // room for -2, -3 …
		name = name[:most-3]
	}
	name = strings.Trim(name, "-")
	if !intent.IsTask(name) { // a Service's name may start with a digit
		name = "task-" + name
	}
	return strings.TrimRight(name[:min(len(name), most-3)], "-")
}

// unused gives the name, or the first of name-2, name-3 … that is still free.
func (s scene) unused(name string, d *unstructured.Unstructured) string {
	candidate := name
	for n := 2; s.used(candidate, d); n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	return candidate
}

// used says whether a task of that name runs in the namespace, or did.
func (s scene) used(task string, d *unstructured.Unstructured) bool {
	return s.runs(task) || s.spent(task, d) || slices.ContainsFunc(s.ended(), func(f found) bool { return f.task == task })
}

// runs says whether a task of that name runs in the namespace, or is asked for.
func (s scene) runs(task string) bool {
	return slices.ContainsFunc(s.running(), func(f found) bool { return f.task == task })
}
