package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func fought(kind, name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": kind, "spec": spec}}
	if kind == "Deployment" {
		u.SetAPIVersion("apps/v1")
	}
	u.SetNamespace("shop")
	u.SetName(name)
	return u
}

func update(u *unstructured.Unstructured) Change {
	return Change{Action: Update, Before: u, Object: u}
}

// fight lets somebody undo at each of these times, since the start, what is
// written, and gives when it was written again.
func fight(undone ...time.Duration) (written []time.Duration, memory []Written) {
	vs := fought("VirtualService", "reviews", map[string]any{"hosts": []any{"reviews"}})
	due := slices.Clone(undone)
	for len(due) > 0 {
		at := due[0]
		due = due[1:]
		p := Plan{Changes: []Change{update(vs)}}
		Snapshot{Written: memory}.slower(&p, start.Add(at))
		if len(p.Changes) == 0 {
			due = append([]time.Duration{at + p.After}, due...)
			continue
		}
		written, memory = append(written, at), Remember(memory, p, start.Add(at))
		for len(due) > 0 && due[0] < at {
			due = due[1:] // undone already
		}
	}
	return written, memory
}

func seconds(n ...int) (out []time.Duration) {
	for _, s := range n {
		out = append(out, time.Duration(s)*time.Second)
	}
	return out
}

// every gives the times from 0 at which somebody undoes what is written.
func every(gap time.Duration, times int) (out []time.Duration) {
	for n := range times {
		out = append(out, time.Duration(n)*gap)
	}
	return out
}

func TestSlowerAndSlower(t *testing.T) {
	for name, test := range map[string]struct{ undone, written []time.Duration }{
		"at once, each time": {every(time.Second, 2200), append(seconds(0, 1, 2, 7, 17, 37, 77, 157, 317), seconds(617, 917, 1217, 1517, 1817, 2117, 2417)...)},
		"every 20 s":         {every(20*time.Second, 9), seconds(0, 20, 40, 60, 80, 100, 140, 220)},
		"every 3 minutes":    {every(3*time.Minute, 8), every(3*time.Minute, 8)},
		"twice a minute":     {every(31*time.Second, 12), every(31*time.Second, 12)},
		"once more, after it stood": {
			seconds(0, 1, 2, 68, 69, 70), // 2 + 5 s + 1 min
			seconds(0, 1, 2, 68, 69, 70),
		},
		"once more, before it stood": {seconds(0, 1, 2, 66, 67), seconds(0, 1, 2, 66, 76)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := fight(test.undone...); !slices.Equal(got, test.written) {
				t.Errorf("undone at %v: written at\n%v, want\n%v", test.undone[:min(len(test.undone), 9)], got, test.written)
			}
		})
	}
}

// TestUrgentIsNotSlowed: a rule of ours that somebody keeps deleting is made again
// each time while a live route names its subsets, for every request of that fails;
// where none does, slower and slower. The status says who it is either way.
func TestUrgentIsNotSlowed(t *testing.T) {
	rule := fought("DestinationRule", "grayscale-reviews", map[string]any{"host": "reviews", "subsets": []any{map[string]any{"name": "grayscale-version"}}})
	lacking := fought("DestinationRule", "grayscale-reviews", map[string]any{"host": "reviews", "subsets": []any{map[string]any{"name": "grayscale-original"}}})
	for name, test := range map[string]struct {
		subset  string
		change  Change
		written int // of 12 times in 48 s
		says    string
	}{
		"deleted, and a route names it":   {"grayscale-version", Change{Action: Create, Object: rule}, 12, "made again each time"},
		"deleted, and no route names it":  {"v1", Change{Action: Create, Object: rule}, 5, "less and less often"},
		"taken out, and a route names it": {"grayscale-version", Change{Action: Update, Before: lacking, Object: rule}, 12, "written again each time"},
		"another field, it is there":      {"grayscale-version", update(rule), 5, "less and less often"},
	} {
		t.Run(name, func(t *testing.T) {
			vs := fought("VirtualService", "reviews", map[string]any{"http": []any{map[string]any{
				"route": []any{map[string]any{"destination": map[string]any{"host": "reviews", "subset": test.subset}}},
			}}})
			s := Snapshot{Key: keyOf(vs), VirtualServices: []*unstructured.Unstructured{vs}}
			if test.change.Before != nil {
				s.DestinationRules = []*unstructured.Unstructured{test.change.Before}
			}
			written, says := 0, ""
			for n := range 12 {
				now := start.Add(time.Duration(n) * 4 * time.Second)
				p := Plan{Changes: []Change{test.change}}
				says = s.slower(&p, now)
				written += len(p.Changes)
				s.Written = Remember(s.Written, p, now)
			}
			if written != test.written || !strings.Contains(says, test.says) {
				t.Errorf("written %d times, want %d; said %q", written, test.written, says)
			}
			last := s.Written[0].last()
			p := Plan{Changes: []Change{test.change}}
			if s.slower(&p, last.Add(urgentGap/2)); len(p.Changes) > 0 {
				t.Error("written twice in half a second")
			}
		})
	}
}

// TestFoughtUntilItStands: the status says it as long as it goes on, and the next
// look is when it could be over.
func TestFoughtUntilItStands(t *testing.T) {
	vs := fought("VirtualService", "reviews", map[string]any{})
	_, memory := fight(seconds(0, 1, 2)...)
	s := Snapshot{Written: memory, VirtualServices: []*unstructured.Unstructured{vs}}
	for after, want := range map[int]struct {
		fought bool
		next   int
	}{2: {true, 5}, 4: {true, 3}, 10: {true, 57}, 66: {true, 1}, 67: {false, 0}, 600: {false, 0}} {
		p := Plan{}
		who := s.slower(&p, start.Add(time.Duration(after)*time.Second))
		if (who != "") != want.fought || p.After != time.Duration(want.next)*time.Second {
			t.Errorf("after %d s: %q, and look again after %s", after, who, p.After)
		}
	}
	if _, memory := fight(seconds(0, 1)...); (Snapshot{Written: memory}).slower(&Plan{}, start.Add(time.Second)) != "" {
		t.Error("two writes are a fight")
	}
}

// TestAStepIsNoFight: other content in the same place begins anew.
func TestAStepIsNoFight(t *testing.T) {
	var memory []Written
	for n := range 12 {
		weight := fought("VirtualService", "reviews", map[string]any{"weight": int64(n % 2)})
		memory = Remember(memory, Plan{Changes: []Change{update(weight)}}, start.Add(time.Duration(n)*time.Second))
	}
	if len(memory) != 1 || memory[0].Lost != 0 || len(memory[0].Last) != 1 {
		t.Errorf("remembered: %+v", memory)
	}
}

// TestOnlyThat: the rest of a plan is carried out, and so is the end of a release.
func TestOnlyThat(t *testing.T) {
	_, memory := fight(seconds(0, 1, 2)...)
	vs := fought("VirtualService", "reviews", map[string]any{"hosts": []any{"reviews"}})
	step := fought("VirtualService", "reviews", map[string]any{"hosts": []any{"other"}})
	other, d := fought("VirtualService", "ratings", map[string]any{"hosts": []any{"reviews"}}), fought("Deployment", "reviews", map[string]any{"hosts": []any{"reviews"}})
	changes := []Change{update(step), update(other), update(d), {Action: Delete, Before: vs}, {Action: Forget, Before: vs, Object: vs}, {Action: Disown, Before: vs}}
	p := Plan{Changes: append([]Change{update(vs)}, changes...)}
	Snapshot{Written: memory}.slower(&p, start.Add(3*time.Second))
	if !reflect.DeepEqual(p.Changes, changes) {
		t.Errorf("left are %+v", p.Changes)
	}
}

// TestWhatIsWritten: content is told apart by what an action writes of it.
func TestWhatIsWritten(t *testing.T) {
	d := func(replicas int64, labels map[string]string) *unstructured.Unstructured {
		u := fought("Deployment", "reviews-v2", map[string]any{"replicas": replicas, "template": map[string]any{"v": replicas}})
		u.SetLabels(labels)
		return u
	}
	rule := func(written string, labels map[string]string) *unstructured.Unstructured {
		u := fought("DestinationRule", "grayscale-reviews", map[string]any{})
		u.SetAnnotations(map[string]string{intent.AnnotationWritten: written})
		u.SetLabels(labels)
		return u
	}
	ours := map[string]string{intent.LabelService: "reviews"}
	for name, test := range map[string]struct {
		a, b Change
		same bool
	}{
		"the same scale":         {Change{Action: Scale, Object: d(2, nil)}, Change{Action: Scale, Object: d(2, ours)}, true},
		"another scale":          {Change{Action: Scale, Object: d(2, nil)}, Change{Action: Scale, Object: d(3, nil)}, false},
		"the same labels":        {Change{Action: Label, Object: d(2, ours)}, Change{Action: Label, Object: d(3, ours)}, true},
		"other labels":           {Change{Action: Label, Object: d(2, ours)}, Change{Action: Label, Object: d(2, nil)}, false},
		"gone, again":            {Change{Action: Delete, Before: d(2, nil)}, Change{Action: Delete, Before: d(3, ours)}, true},
		"made, then edited":      {Change{Action: Create, Object: rule("1", ours)}, Change{Action: Update, Object: rule("2", ours)}, true},
		"without our labels":     {Change{Action: Update, Object: rule("1", ours)}, Change{Action: Update, Object: rule("1", nil)}, false},
		"somebody else's labels": {Change{Action: Update, Object: rule("1", map[string]string{"team": "a"})}, Change{Action: Update, Object: rule("1", nil)}, true},
	} {
		if got := contentOf(test.a) == contentOf(test.b); got != test.same {
			t.Errorf("%s: the same content: %t", name, got)
		}
	}
}

func by(manager string, at int, operation metav1.ManagedFieldsOperationType, subresource string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: &metav1.Time{Time: start.Add(time.Duration(at) * time.Second)}, Subresource: subresource}
}

// TestWhoHadWritten: after our write its entry is gone, so it is noted with it.
func TestWhoHadWritten(t *testing.T) {
	d := fought("Deployment", "reviews-v2", map[string]any{"replicas": int64(1)})
	before := d.DeepCopy()
	before.SetManagedFields([]metav1.ManagedFieldsEntry{by("kubectl", 5, metav1.ManagedFieldsOperationUpdate, "scale"), by(FieldManager, 4, metav1.ManagedFieldsOperationUpdate, "")})
	for name, test := range map[string]struct {
		change Change
		want   string
	}{
		"scaled":  {Change{Action: Scale, Before: before, Object: d}, "kubectl (Update) keeps undoing what this release writes on Deployment shop/reviews-v2"},
		"deleted": {Change{Action: Create, Object: d}, "somebody keeps deleting Deployment shop/reviews-v2"},
	} {
		s := Snapshot{Deployments: []*unstructured.Unstructured{d}}
		for n := range 3 {
			s.Written = Remember(s.Written, Plan{Changes: []Change{test.change}}, start.Add(time.Duration(n)*time.Second))
		}
		if got := s.slower(&Plan{}, start.Add(3*time.Second)); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// TestWhoFights: the message names who wrote last beside us, and how to let the
// object be.
func TestWhoFights(t *testing.T) {
	ours := by(FieldManager, 9, metav1.ManagedFieldsOperationUpdate, "")
	istiod := by("pilot-discovery", 8, metav1.ManagedFieldsOperationUpdate, "status")
	with := func(kind string, labels map[string]string, entries ...metav1.ManagedFieldsEntry) *unstructured.Unstructured {
		u := fought(kind, "reviews", map[string]any{})
		u.SetLabels(labels)
		u.SetManagedFields(append(entries, ours, istiod))
		return u
	}
	apply, edit := metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	for name, test := range map[string]struct {
		object *unstructured.Unstructured
		want   []string
	}{
		"Argo CD": {with("VirtualService", nil, by("kubectl", 1, edit, ""), by("argocd-controller", 5, apply, "")), []string{
			"argocd-controller (Apply) keeps undoing what this release writes on VirtualService shop/reviews",
			"ignoreDifferences: [{group: networking.istio.io, kind: VirtualService, namespace: shop, name: reviews, managedFieldsManagers: [grayscale-controller]}]",
			"RespectIgnoreDifferences=true",
		}},
		"Argo CD, by its label": {with("Deployment", map[string]string{"argocd.argoproj.io/instance": "shop"}, by("kubectl", 1, edit, "")), []string{"kubectl (Update)", "group: apps, kind: Deployment"}},
		"Flux":                  {with("VirtualService", nil, by("kustomize-controller", 5, apply, ""), by("kubectl", 1, edit, "")), []string{"kustomize-controller (Apply)", "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent"}},
		"Flux's Helm":           {with("DestinationRule", nil, by("helm-controller", 5, edit, "")), []string{"helm-controller (Update)", "driftDetection: {mode: enabled, ignore: [{paths: [/spec/subsets], target: {group: networking.istio.io, kind: DestinationRule, namespace: shop, name: reviews}}]}"}},
		"a person":              {with("VirtualService", nil, by("kubectl-edit", 5, edit, "")), []string{"kubectl-edit (Update)", "stop applying it again"}},
		"nobody that is known":  {with("VirtualService", nil), []string{"somebody keeps undoing", "VirtualService shop/reviews"}},
		"it is gone each time":  {nil, []string{"somebody keeps deleting VirtualService shop/reviews"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := Snapshot{}, Written{Kind: "VirtualService"}
			w.Key.Namespace, w.Key.Name = "shop", "reviews"
			if test.object != nil {
				w.Kind = test.object.GetKind()
				s = Snapshot{VirtualServices: []*unstructured.Unstructured{test.object}}
			}
			got := s.fighter(w)
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("got %q, want %q in it", got, part)
				}
			}
		})
	}
}
