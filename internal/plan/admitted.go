package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// A mutating admission policy or webhook may change what we write, in our own
// write: it is nobody's edit, and comes back with every write. What it adds to an
// object of ours is the cluster's wish, and stays, as long as all that we wrote
// stands and means what it did. Anything else it is asked to leave alone.

// admitted says whether an object of ours is what we want but for what admission
// has added to it.
func admitted(there, want *unstructured.Unstructured) bool {
	if !writtenByUs(there) {
		return false
	}
	for _, d := range differences(want, there) {
		if !d.harmless(there.GetKind()) {
			return false
		}
	}
	return true
}

// writtenByUs says whether our manager was the last to write an object's content.
// Times have full seconds: of two in one, the other may be the last.
func writtenByUs(u *unstructured.Unstructured) bool {
	last := lastWriter(u)
	return slices.ContainsFunc(u.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == FieldManager && e.Subresource == "" && e.Time != nil && (last == nil || last.Time.Before(e.Time))
	})
}

// difference is a field of a spec that is not as it was written.
type difference struct {
	path  []string // "spec", "subsets", "grayscale-version", …
	added any      // its value; nil where a field that was written is another, or gone
}

func (d difference) String() string { return strings.Join(d.path, ".") }

// differences compares specs as far as they say something: the order of subsets
// does not.
func differences(want, there *unstructured.Unstructured) []difference {
	return differ([]string{"spec"}, ordered(want), ordered(there))
}

func differ(path []string, want, there any) (out []difference) {
	at := func(key string) []string { return append(slices.Clone(path), key) }
	switch w := want.(type) {
	case map[string]any:
		t, ok := there.(map[string]any)
		if !ok {
			return []difference{{path: path}}
		}
		for _, key := range sortedKeys(w) {
			out = append(out, differ(at(key), w[key], t[key])...)
		}
		for _, key := range sortedKeys(t) {
			if _, has := w[key]; !has {
				out = append(out, difference{path: at(key), added: t[key]})
			}
		}
		return out
	case []any:
		t, ok := there.([]any)
		if !ok || len(t) != len(w) {
			return []difference{{path: path}}
		}
		for n := range w {
			key := fmt.Sprint(n)
			if name := nameOf(w[n]); name != "" {
				key = name
			}
			out = append(out, differ(at(key), w[n], t[n])...)
		}
		return out
	}
	if !reflect.DeepEqual(want, there) {
		return []difference{{path: path}}
	}
	return nil
}

// harmless says whether a field that was added changes neither whom an object is
// for nor where its requests go.
func (d difference) harmless(kind string) bool {
	is := func(pattern ...string) bool {
		for n, key := range pattern {
			if n >= len(d.path) || key != "*" && key != d.path[n] {
				return false
			}
		}
		return true
	}
	switch {
	case d.added == nil:
		return false
	case is("spec", "exportTo"): // of everybody, which is what none says
		return reflect.DeepEqual(d.added, []any{"*"})
	case kind == "DestinationRule" && (is("spec", "trafficPolicy") || is("spec", "subsets", "*", "trafficPolicy")):
		return !misleads(d.path[len(d.path)-1], d.added) && !slices.ContainsFunc(d.path, isMisleading)
	case kind == "VirtualService" && is("spec", "http", "*", "route", "*"):
		return is("*", "*", "*", "*", "*", "headers")
	case kind == "VirtualService" && is("spec", "http", "*", "*"):
		return slices.Contains([]string{"name", "timeout", "retries", "headers", "corsPolicy", "fault"}, d.path[3])
	}
	return false
}

// isMisleading names the fields of a policy by which requests find their pods, and
// that would stand in place of our subsets' own: the settings of a port replace
// everything beside them.
func isMisleading(field string) bool {
	return slices.Contains([]string{"portLevelSettings", "localityLbSetting", "zoneAwareLbSetting"}, field)
}

// misleads looks for them in a value.
func misleads(key string, value any) bool {
	if isMisleading(key) || value == "PASSTHROUGH" {
		return true
	}
	fields, _ := value.(map[string]any)
	for key, item := range fields {
		if misleads(key, item) {
			return true
		}
	}
	return false
}

// changedByAdmission says what admission makes of a write, and how to end that;
// empty where it was somebody else who wrote after us.
func (s Snapshot) changedByAdmission(w Written, c Change) string {
	there := s.object(w)
	if c.Action != Update || there == nil || w.Gone || !writtenByUs(there) {
		return ""
	}
	var fields []string
	for _, d := range differences(c.Object, there) {
		if !route.Ours(there) || !d.harmless(there.GetKind()) {
			fields = append(fields, d.String())
		}
	}
	if len(fields) == 0 {
		return ""
	}
	more := ""
	if len(fields) > 3 {
		fields, more = fields[:3], " and more"
	}
	return fmt.Sprintf("a mutating admission policy or webhook changes what this release writes on %s (%s%s), which is written again less and less often: exclude the writes of the controller from it, by request.userInfo or by the label grayscale.dev/service of what is ours",
		objectName(there), strings.Join(fields, ", "), more)
}
