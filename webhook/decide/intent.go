package decide

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

// Question is what only the cluster can answer about a change of an intent: whether
// its requester may do what the release will do, and whether routes can be what is
// asked and who would undo its end.
type Question struct {
	Service types.NamespacedName // without a name where none is known yet: then the clone alone is in question
	Intent  intent.Intent
	Spec    *release.Spec // of the release that would start; nil where it runs
	Mesh    bool          // not only the rights are in question
	Routes  bool          // other routes are asked for; always so where one would start
}

// Intent judges a write of an original. Where it changes what is asked there is a
// question, but not where it only lets go, nor of a release that can't start for want
// of a Service or of versions; then it is nil.
func Intent(w Write, world release.World) (v Verdict, ask *Question) {
	original := release.WorkloadOf(w.After)
	claims := ClaimsOf(world.Services)
	mine, running := claims.of(original.UID)
	if running && !w.Ours() {
		v.Add(splitLabels(w, mine))
	}
	before, after := asked(w.Before), asked(w.After)
	i, faults := intent.Parse(after)
	if maps.Equal(before, after) {
		if running && mine.Status.Task == i.Release && w.takenOver() {
			// The release reaches from now on what its new requester may change.
			ask = &Question{Service: mine.Service.NamespacedName(), Intent: i}
		}
		return v, ask
	}
	if !intent.Starts(after) {
		v.refuse(withoutRelease(faults)...)
		if !intent.Starts(before) && len(after) > 0 {
			v.warn(fmt.Sprintf("%s has no annotation %s: the others start nothing", deployment(original), intent.KeyRelease))
		}
		if lays(before, after) {
			ask = waiting(i, original, world, claims)
		}
		return v, ask
	}
	v.refuse(faults...)
	v.refuse(intent.Change(before, after, mine.task())...)
	switch {
	case running && mine.Status.Task == i.Release:
		v.refuse(unsaid(i, fixed(i, before, after, mine), v.Faults)...)
		v.Add(goesOn(i, mine))
		v.Add(managed(i, mine.Status.Finish, workload.Manager(w.After)))
		routes := routesChange(before, after)
		ask = &Question{Service: mine.Service.NamespacedName(), Intent: i, Mesh: routes || endsAnew(i, before, after), Routes: routes}
	default:
		spec, faults := resolve(i, original, world, claims)
		if spent(spec, i.Release, original) {
			v.warn(fmt.Sprintf("release %s of %s has ended or was rejected before: this intent does nothing; write another name to release again",
				i.Release, deployment(original)))
			// A history goes with its Service, and then the intent would start.
			return v, &Question{Service: spec.Service.NamespacedName(), Intent: i, Spec: &spec}
		}
		v, ask = starts(v, i, spec, faults, claims)
		v.refuse(unsaid(i, patch(i, w.After), v.Faults)...)
		if ask != nil && ask.Mesh {
			v.Add(managed(i, spec.Finish, workload.Manager(w.After)))
		}
	}
	return v, ask
}

// resolve says what release an intent would start, and what is wrong with it.
func resolve(i intent.Intent, original release.Workload, world release.World, claims Claims) (release.Spec, intent.Faults) {
	if mine, renamed := claims.of(original.UID); renamed {
		// Its clone goes before the new release starts.
		world.Workloads = slices.DeleteFunc(slices.Clone(world.Workloads), func(o release.Workload) bool { return o.Name == mine.Status.Clone })
	}
	return release.Resolve(i, original, world)
}

// routesChange says whether a write asks for other routes.
func routesChange(before, after map[string]string) bool {
	return slices.ContainsFunc([]string{intent.KeyWeight, intent.KeyMatch, intent.KeyMirror}, func(key string) bool { return before[key] != after[key] })
}

// endsAnew says whether a write asks for the finish, or takes back what it accepts.
func endsAnew(i intent.Intent, before, after map[string]string) bool {
	return i.End == intent.EndFinish && (before[intent.KeyEnd] != after[intent.KeyEnd] || before[intent.KeyAccept] != after[intent.KeyAccept])
}

// withoutRelease drops the one fault that keys without a release always have.
func withoutRelease(faults intent.Faults) intent.Faults {
	return slices.DeleteFunc(slices.Clone(faults), func(f intent.Fault) bool {
		return f.At == intent.KeyRelease && f.Kind == intent.Required
	})
}

// lays says whether a write without a release's name lays words down that the next one
// will take up: whoever names it then may have rights that this writer lacks. Words
// that only let go ask for nothing.
func lays(before, after map[string]string) bool {
	for key, value := range after {
		was, had := before[key]
		letsGo := key == intent.KeyTraffic && value == string(intent.TrafficOriginal) || key == intent.KeyEnd && value == string(intent.EndCancel)
		if (!had || was != value) && !letsGo {
			return true
		}
	}
	return false
}

// waiting is the question about such words: the rights of what they would make of a
// release that started now.
func waiting(i intent.Intent, original release.Workload, world release.World, claims Claims) *Question {
	spec, _ := resolve(i, original, world, claims)
	if spec.Service.Name == "" || spec.Versions.Label == "" {
		return &Question{Service: types.NamespacedName{Namespace: original.Namespace}, Intent: i}
	}
	return &Question{Service: spec.Service.NamespacedName(), Intent: i, Spec: &spec}
}

// goesOn judges a write to the intent of a release that runs: what it started
// with isn't resolved again, for its clone is among the objects by now.
func goesOn(i intent.Intent, mine Claim) (v Verdict) {
	if mine.Status.Phase == release.Finishing {
		v.warn(fmt.Sprintf("release %s is finishing already: once the original goes, a change of what it asks for does nothing", i.Release))
	}
	v.refuse(mine.Status.TooLong(i)...)
	v.Add(size(i, mine.Status.Peak))
	return v
}

// fixed refuses another release under the name of one that runs. It goes by the
// claim, so that writing down what was a default is no change; taking back what was
// written is, for the default may be another.
func fixed(i intent.Intent, before, after map[string]string, mine Claim) (faults intent.Faults) {
	s := mine.Status
	for _, pair := range []struct{ key, is, was string }{
		{intent.KeyForm, string(i.Form), string(s.Form)},
		{intent.KeyService, i.Service, s.Service.Name},
		{intent.KeyVersion, i.Version, s.Grayscale.Version},
		{intent.KeyName, i.Name, s.Clone},
		{intent.KeyFinish, string(i.Finish), string(s.Finish)},
	} {
		removed := before[pair.key] != "" && after[pair.key] == "" && intent.Starts(before)
		if pair.is != pair.was && (pair.is != "" || removed) {
			faults = append(faults, fixedAt(pair.key, pair.is, pair.was, s.Task))
		}
	}
	if i.Patch != s.Grayscale.Patch {
		faults = append(faults, fixedAt(intent.KeyPatch, i.Patch, s.Grayscale.Patch, s.Task))
	}
	none := i.Image == "" && len(s.Grayscale.Images) == 0
	main := slices.Collect(maps.Keys(s.Grayscale.Images)) // what a tag alone was for, whatever containers there are now
	if images, bad := intent.Images(i.Image, s.Original.Images, main); !none && (len(bad) > 0 || !maps.Equal(images, s.Grayscale.Images)) {
		faults = append(faults, fixedAt(intent.KeyImage, i.Image, strings.TrimPrefix(fmt.Sprint(s.Grayscale.Images), "map"), s.Task))
	}
	return faults
}

// patch tries the patch on the original's pod template.
func patch(i intent.Intent, original *unstructured.Unstructured) intent.Faults {
	if i.Patch == "" {
		return nil
	}
	template, _, _ := unstructured.NestedMap(original.Object, "spec", "template")
	patched, err := workload.Patched(template, i.Patch)
	if err == nil && workload.Same(patched, template) {
		err = errors.New("it is like that already")
	}
	if err == nil {
		return nil
	}
	return intent.Faults{{
		Kind: intent.Invalid, At: intent.KeyPatch, Value: i.Patch, Why: "can't be put into the pod template: " + err.Error(),
		Right: "write a strategic merge patch that kubectl patch would take for spec.template",
	}}
}

func fixedAt(key, is, was, task string) intent.Fault {
	return intent.Fault{
		Kind: intent.Forbidden, At: key, Value: is,
		Why:   fmt.Sprintf("is fixed while release %s runs (it is %q)", task, was),
		Right: "cancel the release first, or write another release name with it",
	}
}

// starts judges an intent that would start the release of spec, with what is wrong
// with that.
func starts(v Verdict, i intent.Intent, spec release.Spec, faults intent.Faults, claims Claims) (Verdict, *Question) {
	original := spec.Original
	mine, renamed := claims.of(original.UID)
	if renamed {
		v.warn(fmt.Sprintf("release %s of %s is cancelled first, then %s starts", mine.Status.Task, deployment(original), i.Release))
	}
	if at(intent.KeyPatch, v.Faults) && i.Image == "" {
		faults = slices.DeleteFunc(faults, func(f intent.Fault) bool { return f.At == intent.KeyImage }) // the patch stands for one
	}
	v.refuse(unsaid(i, faults, v.Faults)...)
	v.refuse(held(i, original, spec, claims)...)
	v.Add(size(i, original.Replicas))
	v.Add(unready(spec.Service))
	if spec.Service.Name == "" || spec.Versions.Label == "" {
		return v, nil // which is refused
	}
	// The mesh holds the routes of a release that runs still, and is asked again when
	// they are gone.
	still := renamed && mine.Service.Name == spec.Service.Name
	return v, &Question{Service: spec.Service.NamespacedName(), Intent: i, Spec: &spec, Mesh: !still, Routes: !still}
}

// unsaid leaves out faults at keys that have one already, and of a name that is
// made from a bad version: a bad value has bad consequences, and those need no
// sentence of their own.
func unsaid(i intent.Intent, faults, said intent.Faults) intent.Faults {
	badVersion := at(intent.KeyVersion, faults) || at(intent.KeyVersion, said)
	return slices.DeleteFunc(slices.Clone(faults), func(f intent.Fault) bool {
		return at(f.At, said) || f.At == intent.KeyName && i.Name == "" && badVersion
	})
}

// at says whether a key has a fault.
func at(key string, faults intent.Faults) bool {
	return slices.ContainsFunc(faults, func(f intent.Fault) bool { return f.At == key })
}

// held says which other releases are in the way: one that holds the Service,
// or one of the same name.
func held(i intent.Intent, original release.Workload, spec release.Spec, claims Claims) (faults intent.Faults) {
	conflict := func(at, value, why, right string) {
		faults = append(faults, intent.Fault{Kind: intent.Conflict, At: at, Value: value, Why: why, Right: right})
	}
	if c, ok := claims.on(spec.Service.Name); ok && (c.Unreadable != nil || c.Status.Original.UID != original.UID) {
		right := "wait until that release has ended, or cancel it"
		if c.Unreadable != nil {
			right = "end that release with the version that began it"
		}
		conflict(intent.KeyRelease, i.Release, "can't start: "+c.Holder(), right)
	}
	if c, ok := claims.task(i.Release); ok && c.Status.Original.UID != original.UID {
		conflict(intent.KeyRelease, i.Release, "is the name of a running release: "+c.Holder(), "write another name")
	}
	return faults
}
