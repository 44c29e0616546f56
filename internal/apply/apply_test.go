package apply_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/apply"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
)

var ctx = context.Background()

// object is one of shop, with a spec that tells versions of it apart.
func object(apiVersion, kind, name, spec string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind, "spec": map[string]any{"note": spec}}}
	u.SetNamespace("shop")
	u.SetName(name)
	return u
}

func virtualService(name, spec string) *unstructured.Unstructured {
	return object("networking.istio.io/v1", "VirtualService", name, spec)
}

// deployment is one that the API knows: no field of its own.
func deployment(name string, annotations map[string]string) *unstructured.Unstructured {
	u := object("apps/v1", "Deployment", name, "")
	u.Object["spec"] = map[string]any{"replicas": int64(1)}
	u.SetUID(types.UID("uid-" + name))
	u.SetAnnotations(annotations)
	return u
}

func service() *unstructured.Unstructured {
	u := object("v1", "Service", "reviews", "")
	u.Object["spec"] = map[string]any{}
	u.SetAnnotations(map[string]string{"kept": "yes", intent.AnnotationStatus: "old"})
	return u
}

// cluster is an API server in memory that writes down what it is asked.
type cluster struct {
	client.WithWatch
	calls []string
	fails string // the call that fails
	err   error  // how; nil: it is refused
}

var errRefused = errors.New("refused")

func newCluster(t *testing.T, objects ...*unstructured.Unstructured) *cluster {
	t.Helper()
	builder := fake.NewClientBuilder().WithReturnManagedFields()
	c := &cluster{}
	inner := builder.Build()
	for _, u := range objects {
		if err := inner.Create(ctx, u, client.FieldOwner("user")); err != nil {
			t.Fatal(err)
		}
	}
	c.WithWatch = interceptor.NewClient(inner, interceptor.Funcs{
		Create: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.CreateOption) error {
			return c.call("create", u, func() error { return w.Create(ctx, u, opts...) })
		},
		Update: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.UpdateOption) error {
			return c.call("update", u, func() error { return w.Update(ctx, u, opts...) })
		},
		Delete: func(ctx context.Context, w client.WithWatch, u client.Object, opts ...client.DeleteOption) error {
			o := (&client.DeleteOptions{}).ApplyOptions(opts)
			how := fmt.Sprintf("delete %s %s %s", *o.Preconditions.UID, *o.Preconditions.ResourceVersion, *o.PropagationPolicy)
			return c.call(how, u, func() error { return w.Delete(ctx, u, opts...) })
		},
		Patch: func(ctx context.Context, w client.WithWatch, u client.Object, p client.Patch, opts ...client.PatchOption) error {
			return c.call("patch", u, func() error { return w.Patch(ctx, u, p, opts...) })
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, sub string, u client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
			data, err := p.Data(u)
			if err != nil {
				return err
			}
			return c.call(fmt.Sprintf("patch %s %s %s", sub, p.Type(), data), u, func() error { return nil })
		},
	})
	return c
}

func (c *cluster) call(what string, u client.Object, do func() error) error {
	line := what + " " + u.GetObjectKind().GroupVersionKind().Kind + " " + u.GetName()
	c.calls = append(c.calls, line)
	if c.fails != "" && strings.HasPrefix(line, c.fails) {
		return cmp.Or(c.err, errRefused)
	}
	return do()
}

// read gives an object as it stands.
func (c *cluster) read(t *testing.T, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(u.GroupVersionKind())
	if err := c.Get(ctx, client.ObjectKeyFromObject(u), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// with gives an object with another note, as a plan changes it.
func with(u *unstructured.Unstructured, note string) *unstructured.Unstructured {
	out := u.DeepCopy()
	out.Object["spec"] = map[string]any{"note": note}
	return out
}

func text(s string) *string { return &s }

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// everything is a plan with each action once, in this order.
func everything(t *testing.T, c *cluster) (plan.Plan, *unstructured.Unstructured) {
	t.Helper()
	old, gone := c.read(t, virtualService("old", "")), c.read(t, deployment("gone", nil))
	scaled := c.read(t, deployment("scaled", nil))
	scaled.Object["spec"] = map[string]any{"replicas": int64(3)}
	asked := c.read(t, deployment("asked", nil))
	return plan.Plan{
		Changes: []plan.Change{
			{Action: plan.Create, Object: virtualService("new", "1")},
			{Action: plan.Update, Before: old, Object: with(old, "2")},
			{Action: plan.Scale, Before: scaled, Object: scaled},
			{Action: plan.Forget, Before: asked, Object: plan.Forgotten(asked)},
			{Action: plan.Delete, Before: gone},
		},
		Annotations: map[string]*string{intent.AnnotationStatus: nil, intent.AnnotationHistory: text("{}")},
	}, c.read(t, service())
}

func world(t *testing.T) *cluster {
	return newCluster(t, virtualService("old", "1"), deployment("gone", nil), deployment("scaled", nil),
		deployment("asked", map[string]string{intent.KeyRelease: "task", "kept": "yes"}), service())
}

var inOrder = []string{
	"create VirtualService new",
	"update VirtualService old",
	`patch scale application/merge-patch+json {"metadata":{"resourceVersion":"1"},"spec":{"replicas":3}} Deployment scaled`,
	"patch Deployment asked",
	"delete uid-gone 1 Foreground Deployment gone",
	"patch Service reviews",
}

func TestOrder(t *testing.T) {
	c := world(t)
	p, s := everything(t, c)
	if err := apply.Plan(ctx, c, p, s); err != nil {
		t.Fatal(err)
	}
	want(t, c.calls, inOrder...)
	if got := c.read(t, service()).GetAnnotations(); len(got) != 2 || got["kept"] != "yes" || got[intent.AnnotationHistory] != "{}" {
		t.Errorf("the Service has %v", got)
	}
	if got := c.read(t, deployment("asked", nil)).GetAnnotations(); len(got) != 1 || got["kept"] != "yes" {
		t.Errorf("the original has %v", got)
	}
	if note, _, _ := unstructured.NestedString(c.read(t, virtualService("old", "")).Object, "spec", "note"); note != "2" {
		t.Errorf("the VirtualService has note %q", note)
	}
	if err := c.Get(ctx, types.NamespacedName{Namespace: "shop", Name: "gone"}, deployment("gone", nil)); !apierrors.IsNotFound(err) {
		t.Errorf("the Deployment is still there: %v", err)
	}
}

// TestStop: the first write that fails ends the pass, whichever it is, and the
// error names the object.
func TestStop(t *testing.T) {
	names := []string{
		"creating VirtualService shop/new: refused", "updating VirtualService shop/old: refused", "scaling Deployment shop/scaled: refused",
		"taking the intent from Deployment shop/asked: refused", "deleting Deployment shop/gone: refused", "writing the status of Service shop/reviews: refused",
	}
	for n, call := range inOrder {
		c := world(t)
		p, s := everything(t, c)
		c.fails = call
		err := apply.Plan(ctx, c, p, s)
		if !errors.Is(err, errRefused) || err.Error() != names[n] {
			t.Errorf("got %v, want %s", err, names[n])
		}
		want(t, c.calls, inOrder[:n+1]...)
	}
}

// TestRefusedElsewhere: what is refused, or lost a race, keeps only that from being
// written which rests on it.
func TestRefusedElsewhere(t *testing.T) {
	routes := schema.GroupResource{Group: "networking.istio.io", Resource: "virtualservices"}
	for _, err := range []error{apierrors.NewForbidden(routes, "new", errors.New("frozen")), apierrors.NewConflict(routes, "new", errors.New("changed"))} {
		c := world(t)
		p, s := everything(t, c)
		c.fails, c.err = inOrder[0], err
		if got := apply.Plan(ctx, c, p, s); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
		want(t, c.calls, inOrder[:2]...)
	}
}

func TestDryRun(t *testing.T) {
	c := world(t)
	p, s := everything(t, c)
	p.Changes = slices.DeleteFunc(p.Changes, func(ch plan.Change) bool { return ch.Action == plan.Scale }) // the fake has no dry run of it
	if err := apply.Plan(ctx, client.NewDryRunClient(c), p, s); err != nil {
		t.Fatal(err)
	}
	if got := c.read(t, service()).GetAnnotations()[intent.AnnotationStatus]; got != "old" {
		t.Errorf("the status is %q after a dry run", got)
	}
	if got := c.read(t, deployment("asked", nil)).GetAnnotations()[intent.KeyRelease]; got != "task" {
		t.Error("the intent is gone after a dry run")
	}
	c.read(t, deployment("gone", nil))
}

// TestRaces: whoever wrote since the plan's snapshot wins.
func TestRaces(t *testing.T) {
	for name, race := range map[string]struct {
		meanwhile func(*testing.T, *cluster)
		change    func(plan.Plan) plan.Plan
	}{
		"a VirtualService was written": {
			func(t *testing.T, c *cluster) { update(t, c, with(c.read(t, virtualService("old", "")), "theirs")) },
			func(p plan.Plan) plan.Plan { return plan.Plan{Changes: p.Changes[1:2]} },
		},
		"a Deployment that was to be deleted was written": {
			func(t *testing.T, c *cluster) {
				d := c.read(t, deployment("gone", nil))
				d.SetAnnotations(map[string]string{"theirs": "1"})
				update(t, c, d)
			},
			func(p plan.Plan) plan.Plan { return plan.Plan{Changes: p.Changes[4:5]} },
		},
		"the Service was claimed": {
			func(t *testing.T, c *cluster) {
				s := c.read(t, service())
				s.SetAnnotations(map[string]string{intent.AnnotationStatus: "theirs"})
				update(t, c, s)
			},
			func(p plan.Plan) plan.Plan { return plan.Plan{Annotations: p.Annotations} },
		},
		"the clone was created": {
			func(t *testing.T, c *cluster) {
				if err := c.Create(ctx, virtualService("new", "theirs")); err != nil {
					t.Fatal(err)
				}
			},
			func(p plan.Plan) plan.Plan { return plan.Plan{Changes: p.Changes[:1]} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := world(t)
			p, s := everything(t, c)
			race.meanwhile(t, c)
			if err := apply.Plan(ctx, c, race.change(p), s); !apply.IsRace(err) {
				t.Errorf("got %v, want a race", err)
			}
		})
	}
	if apply.IsRace(errRefused) || apply.IsRace(nil) {
		t.Error("any error is a race")
	}
}

func update(t *testing.T, c *cluster, u *unstructured.Unstructured) {
	t.Helper()
	if err := c.Update(ctx, u); err != nil {
		t.Fatal(err)
	}
}

// TestDeleteGone: what has gone already need not be deleted.
func TestDeleteGone(t *testing.T) {
	c := world(t)
	p, s := everything(t, c)
	p.Changes = p.Changes[4:5]
	gone := c.read(t, deployment("gone", nil))
	version, uid := gone.GetResourceVersion(), gone.GetUID()
	if err := c.Delete(ctx, gone, client.Preconditions{UID: &uid, ResourceVersion: &version}, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	if err := apply.Plan(ctx, c, p, s); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestForgetChanged: an intent that was written since then is another one.
func TestForgetChanged(t *testing.T) {
	c := world(t)
	p, s := everything(t, c)
	d := c.read(t, deployment("asked", nil))
	d.SetAnnotations(map[string]string{intent.KeyRelease: "next"})
	update(t, c, d)
	p = plan.Plan{Changes: p.Changes[3:4]}
	if err := apply.Plan(ctx, c, p, s); err == nil {
		t.Error("an intent was taken away that nobody acted on")
	}
	if got := c.read(t, deployment("asked", nil)).GetAnnotations()[intent.KeyRelease]; got != "next" {
		t.Errorf("the intent is %q", got)
	}
}

// TestForgetLosesARace: the API server does not say that it is one, and a policy
// that refuses the same write must not be tried again at once.
func TestForgetLosesARace(t *testing.T) {
	failed := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "testing value failed: test failed", 0, false)
	policy := apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "asked", field.ErrorList{field.Forbidden(nil, "frozen")})
	webhook := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "", 0, false)
	webhook.ErrStatus.Message = `admission webhook "freeze" denied the request`
	for name, test := range map[string]struct {
		err  error
		race bool
	}{"the test failed": {failed, true}, "a policy": {policy, false}, "a webhook": {webhook, false}} {
		t.Run(name, func(t *testing.T) {
			c := world(t)
			p, s := everything(t, c)
			c.fails, c.err = "patch Deployment asked", test.err
			err := apply.Plan(ctx, c, plan.Plan{Changes: p.Changes[3:4]}, s)
			if apply.IsRace(err) != test.race || err == nil || !strings.Contains(err.Error(), "taking the intent from Deployment shop/asked") {
				t.Errorf("got %v, want a race: %t", err, test.race)
			}
		})
	}
}

func TestForgetNothing(t *testing.T) {
	c := world(t)
	_, s := everything(t, c)
	d := c.read(t, deployment("scaled", nil))
	if err := apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{{Action: plan.Forget, Before: d, Object: plan.Forgotten(d)}}}, s); err != nil {
		t.Fatal(err)
	}
	want(t, c.calls)
}

// TestOutrun: labels that were planned from a Deployment which somebody has written
// since are not written, and those from the Deployment as it stands are.
func TestOutrun(t *testing.T) {
	c := world(t)
	_, s := everything(t, c)
	mark := func(d *unstructured.Unstructured) error {
		marked := d.DeepCopy()
		marked.SetLabels(map[string]string{intent.LabelTask: "task"})
		return apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{{Action: plan.Label, Before: d, Object: marked}}}, s)
	}
	read := c.read(t, deployment("scaled", nil))
	written := read.DeepCopy()
	written.SetAnnotations(map[string]string{"by": "somebody"})
	if err := c.Update(ctx, written); err != nil {
		t.Fatal(err)
	}
	if err := mark(read); !apply.IsRace(err) {
		t.Errorf("got %v, want a race", err)
	}
	if got := c.read(t, read).GetLabels(); len(got) > 0 {
		t.Errorf("it has the labels %v", got)
	}
	if err := mark(c.read(t, read)); err != nil {
		t.Fatal(err)
	}
	if got := c.read(t, read); got.GetLabels()[intent.LabelTask] != "task" || got.GetAnnotations()["by"] != "somebody" {
		t.Errorf("it has the labels %v and the annotations %v", got.GetLabels(), got.GetAnnotations())
	}
}

// TestRelease: after the last strip nothing says that we own a field.
func TestRelease(t *testing.T) {
	for _, letsGo := range []bool{true, false} {
		c := world(t)
		_, s := everything(t, c)
		old := c.read(t, virtualService("old", ""))
		change := plan.Change{Action: plan.Update, Before: old, Object: with(old, "2"), Release: letsGo}
		if err := apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{change}}, s); err != nil {
			t.Fatal(err)
		}
		after := c.read(t, old)
		owns := slices.ContainsFunc(after.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == string(apply.FieldOwner) })
		if owns == letsGo {
			t.Errorf("lets go: %t, and still owns: %t (%d calls)", letsGo, owns, len(c.calls))
		}
		if note, _, _ := unstructured.NestedString(after.Object, "spec", "note"); note != "2" {
			t.Errorf("the note is %q", note)
		}
	}
}

// TestDisown: what a controller that died between two writes left is let go of,
// though what was read holds but a part of the object and of its managedFields.
func TestDisown(t *testing.T) {
	for kind, first := range map[string]string{"VirtualService": "update VirtualService old", "Deployment": "patch Deployment scaled"} {
		c := world(t)
		u := with(c.read(t, virtualService("old", "")), "2")
		if kind == "Deployment" {
			u = c.read(t, deployment("scaled", nil))
			u.Object["spec"] = map[string]any{"replicas": int64(7)}
		}
		cached := u.DeepCopy()
		if kind == "Deployment" {
			cached.Object["spec"] = map[string]any{} // a remnant
		}
		if err := c.Update(ctx, u, apply.FieldOwner); err != nil {
			t.Fatal(err)
		}
		before := c.read(t, u)
		cached.SetResourceVersion(before.GetResourceVersion())
		cached.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: string(apply.FieldOwner)}})
		c.calls = nil
		if err := apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{{Action: plan.Disown, Before: cached}}}, service()); err != nil {
			t.Fatal(err)
		}
		want(t, c.calls, first, "update "+kind+" "+u.GetName())
		after := c.read(t, u)
		if !reflect.DeepEqual(after.Object["spec"], before.Object["spec"]) {
			t.Errorf("%s: the spec became %v", kind, after.Object["spec"])
		}
		managers := after.GetManagedFields()
		if len(managers) != len(before.GetManagedFields())-1 || slices.ContainsFunc(managers, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == string(apply.FieldOwner) }) {
			t.Errorf("%s: the managers are %v", kind, managers)
		}
	}
}

// TestDisownGone: what has gone is nobody's.
func TestDisownGone(t *testing.T) {
	c := world(t)
	gone := plan.Change{Action: plan.Disown, Before: virtualService("gone", "")}
	if err := apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{gone}}, service()); err != nil {
		t.Error(err)
	}
}

// TestNothing: a plan with nothing to do writes nothing.
func TestNothing(t *testing.T) {
	c := world(t)
	if err := apply.Plan(ctx, c, plan.Plan{}, service()); err != nil {
		t.Fatal(err)
	}
	want(t, c.calls)
}

func TestUnknownAction(t *testing.T) {
	c := world(t)
	err := apply.Plan(ctx, c, plan.Plan{Changes: []plan.Change{{Action: "rename", Object: virtualService("old", "")}}}, service())
	if err == nil || !strings.Contains(err.Error(), `unknown action "rename"`) {
		t.Errorf("got %v", err)
	}
}
