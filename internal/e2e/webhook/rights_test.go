package webhook

import (
	"context"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// may gives the rule for verbs on a resource ("deployments.apps"), of these names
// or of all.
func may(resource string, verbs string, names ...string) rbacv1.PolicyRule {
	name, group, _ := strings.Cut(resource, ".")
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{name}, Verbs: strings.Fields(verbs), ResourceNames: names}
}

// tenant gives a user of the cluster's namespace without any right but those that
// are granted.
func (c cluster) tenant(user string, groups ...string) tenant {
	c.Helper()
	mine := rest.CopyConfig(config)
	mine.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	warned := &warnings{}
	mine.WarningHandlerWithContext = warned
	api, err := client.New(mine, client.Options{})
	if err != nil {
		c.Fatal(err)
	}
	return tenant{cluster{T: c.T, Client: api, namespace: c.namespace, warned: warned}, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}}
}

type tenant struct {
	cluster
	subject rbacv1.Subject
}

// granted has a role of these rules in the namespace, and waits until it counts.
func (u tenant) granted(namespace string, rules ...rbacv1.PolicyRule) {
	u.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, GenerateName: "tenant-"}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: rules}
	if err := admin().Create(u.Context(), role); err != nil {
		u.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{u.subject}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}}
	if err := admin().Create(u.Context(), binding); err != nil {
		u.Fatal(err)
	}
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			resource, sub, _ := strings.Cut(rule.Resources[0], "/")
			attributes := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: rule.APIGroups[0], Resource: resource, Subresource: sub}
			if len(rule.ResourceNames) > 0 {
				attributes.Name = rule.ResourceNames[0]
			}
			if err := until(u.Context(), u.subject.Name+" may "+verb+" "+resource, func() (bool, error) {
				review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}
				err := u.Create(u.Context(), review)
				return review.Status.Allowed, err
			}); err != nil {
				u.Fatal(err)
			}
		}
	}
}

// elsewhere makes another namespace, with a route to Service reviews of this one.
func (c cluster) elsewhere() (namespace string) {
	c.Helper()
	namespace = c.namespace[:min(len(c.namespace), 50)] + "-edge"
	ns := object("v1", "Namespace", "", namespace)
	c.made(ns)
	c.Cleanup(func() {
		if err := admin().Delete(context.Background(), ns); err != nil {
			c.Error(err)
		}
	})
	front := c.virtualService("front", `{route: [{destination: {host: reviews.`+c.namespace+`.svc.cluster.local}}]}`)
	front.SetNamespace(namespace)
	c.made(front)
	return namespace
}

// TestAFloodHoldsNobodyUp: many writes at once by a user without the right are each
// answered, those that have to wait once more by the client itself, and another
// user's pass meanwhile.
func TestAFloodHoldsNobodyUp(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	pat := c.tenant("pat")
	pat.granted(c.namespace, may("deployments.apps", "get patch"))
	var flood sync.WaitGroup
	for range 40 {
		flood.Go(func() {
			err := pat.Patch(t.Context(), d.DeepCopy(), merge(annotate(asAny(good()))), client.DryRunAll)
			if err == nil || !strings.Contains(err.Error(), `"pat" may not create deployments.apps`) {
				t.Errorf("one of the flood: %v", err)
			}
		})
	}
	for _, weight := range []string{"1", "2", "3"} {
		c.patched(d, annotate(map[string]any{intent.KeyWeight: weight}))
	}
	flood.Wait()
}

// TestNobodyGainsARight: who may only annotate a Deployment is told so at once; who
// may make the clone, all else that the release would do in that name. Each grant
// counts, wherever it has to be.
func TestNobodyGainsARight(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d, c.virtualService("reviews", userRoute))
	edge := c.elsewhere()
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get patch update"))
	ask := func() error { return mallory.try(d, annotate(asAny(good()))) }

	const who, instead = `"mallory" may not `, "release services.grayscale.dev "
	err := ask()
	c.refused(err, who+"create deployments.apps in namespace "+c.namespace, instead+c.namespace+"/reviews")
	if n := strings.Count(err.Error(), who); n != 1 {
		t.Errorf("%d faults, and the first would do:\n%v", n, err)
	}
	mallory.granted(c.namespace, may("deployments.apps", "create"))
	lacks := map[string]func(){
		"update virtualservices.networking.istio.io " + c.namespace + "/reviews": func() {
			mallory.granted(c.namespace, may("virtualservices.networking.istio.io", "update", "reviews"))
		},
		"create destinationrules.networking.istio.io in namespace " + c.namespace: func() {
			mallory.granted(c.namespace, may("destinationrules.networking.istio.io", "create"))
		},
		"update virtualservices.networking.istio.io " + edge + "/front": func() {
			mallory.granted(edge, may("virtualservices.networking.istio.io", "update"))
		},
	}
	for len(lacks) > 0 {
		err := ask()
		if err == nil {
			t.Fatalf("admitted without %v", lacks)
		}
		for lack := range lacks {
			c.refused(err, who+lack, instead+c.namespace+"/reviews")
		}
		if n := strings.Count(err.Error(), who); n != len(lacks) {
			t.Errorf("%d faults, want %d:\n%v", n, len(lacks), err)
		}
		dry := mallory.Patch(t.Context(), d.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(annotate(asAny(good())))), client.DryRunAll)
		c.refused(dry, who)
		for lack, grant := range lacks {
			grant()
			delete(lacks, lack)
			break
		}
	}
	if err := ask(); err != nil {
		t.Fatalf("with every right: %v", err)
	}
}

// TestARouteOfOursNeedsItsRight: where no VirtualService stands for the Service's host,
// the release makes one.
func TestARouteOfOursNeedsItsRight(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get patch update create"))
	mallory.granted(c.namespace, may("destinationrules.networking.istio.io", "create"))
	ask := func() error { return mallory.try(d, annotate(asAny(good()))) }
	c.refused(ask(), `"mallory" may not create virtualservices.networking.istio.io in namespace `+c.namespace)
	mallory.granted(c.namespace, may("virtualservices.networking.istio.io", "create"))
	if err := ask(); err != nil {
		t.Errorf("with every right: %v", err)
	}
}

// TestTheVirtualPermission lets a user release a Service without a right on routes,
// that Service alone, and as one of a group.
func TestTheVirtualPermission(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d)
	c.elsewhere()
	robot := c.tenant("system:serviceaccount:"+c.namespace+":robot", "releasers")
	robot.granted(c.namespace, may("deployments.apps", "get patch"))
	c.refused(robot.try(d, annotate(asAny(good()))), "may not create deployments.apps")

	robot.subject = rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "releasers"}
	robot.granted(c.namespace, may("services.grayscale.dev", "release", "ratings"))
	c.refused(robot.try(d, annotate(asAny(good()))), "release services.grayscale.dev "+c.namespace+"/reviews")
	robot.granted(c.namespace, may("services.grayscale.dev", "release", "reviews"))
	if err := robot.try(d, annotate(asAny(good()))); err != nil {
		t.Errorf("with the virtual permission: %v", err)
	}
}

// TestEveryStepIsItsRequesters: a release that runs is nobody's to change who may
// not do it himself, but to let go is free for all who may annotate.
func TestEveryStepIsItsRequesters(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(good("weight=10"))
	c.made(d, c.virtualService("reviews", userRoute))
	c.claimed(service, d)
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get patch create"))
	set := func(values map[string]any) error { return mallory.try(d, annotate(values)) }
	for what, values := range map[string]map[string]any{
		"a weight":             {intent.KeyWeight: "20"},
		"a take-over":          {intent.KeyTraffic: "grayscale"},
		"a count":              {intent.KeyReplicas: "3"},
		"an accepted risk":     {intent.KeyAccept: "unprotected"},
		"somebody else's name": {intent.KeyBy: "joe"},
		"another name":         {intent.KeyRelease: "mine", intent.KeyImage: "3.0", intent.KeyVersion: "v3"},
	} {
		t.Run(what, func(t *testing.T) {
			c := c
			c.T = t
			c.refused(set(values), `"mallory" may not update virtualservices.networking.istio.io `+c.namespace+"/reviews")
		})
	}
	c.refused(set(map[string]any{intent.KeyWeight: "100", intent.KeyEnd: "finish"}), "may not delete deployments.apps "+c.namespace+"/reviews-v1")
	for what, values := range map[string]map[string]any{
		"back to the original": {intent.KeyTraffic: "original"}, "cancel": {intent.KeyEnd: "cancel"}, "removed": {intent.KeyRelease: nil},
	} {
		if err := set(values); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.refused(set(map[string]any{intent.KeyRelease: "reviews-v2", intent.KeyEnd: nil}), "may not update virtualservices")
}

// TestASpentIntentNeedsTheRights, for its Service may lose its history.
func TestASpentIntentNeedsTheRights(t *testing.T) {
	c := as(t, jane)
	service, d := c.service(), c.deployment(nil)
	c.made(d)
	history := release.History{}.With(release.Entry{Task: "reviews-v2", Phase: release.Cancelled}, d.GetUID(), nil)
	c.patched(service, annotate(map[string]any{intent.AnnotationHistory: history.String(0)}))
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get patch"))
	c.refused(mallory.try(d, annotate(asAny(good()))), `"mallory" may not create deployments.apps`)
	c.patched(d, annotate(asAny(good())))
	c.warns("this intent does nothing")
}

// TestWordsLaidDownNeedTheRights: what stands there before a release is named would be
// done in the name of whoever names it.
func TestWordsLaidDownNeedTheRights(t *testing.T) {
	c := as(t, jane)
	c.service()
	d := c.deployment(nil)
	c.made(d, c.virtualService("reviews", userRoute))
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get patch"), may("deployments/status.apps", "patch"))
	words := annotate(asAny(keys("accept=unprotected", "weight=100")))
	c.refused(mallory.try(d, words), `"mallory" may not create deployments.apps`)
	c.refused(mallory.Status().Patch(t.Context(), d.DeepCopy(), merge(words)), `"mallory" may not create deployments.apps`)
	c.patched(d, words)
	c.warns("the others start nothing")
	if err := mallory.try(d, annotate(map[string]any{intent.KeyWeight: nil})); err != nil {
		t.Errorf("one of them removed: %v", err)
	}
	mallory.granted(c.namespace, may("deployments.apps", "create"))
	c.refused(mallory.try(d, annotate(map[string]any{intent.KeyWeight: "5"})), `"mallory" may not update virtualservices.networking.istio.io `+c.namespace+"/reviews")
	if a := c.now(d).GetAnnotations(); a[intent.KeyAccept] != "unprotected" || a[intent.KeyWeight] != "" {
		t.Errorf("it has %v", a)
	}
}

// TestByIsWhoAsks: whatever a user writes there, by whichever way an annotation can
// be written.
func TestByIsWhoAsks(t *testing.T) {
	c := as(t, jane)
	c.service()
	by := func(name string) string {
		return c.now(deployment(c.namespace, name, nil)).GetAnnotations()[intent.KeyBy]
	}
	created := c.deployment(good("by=admin"))
	c.made(created)
	if got := by("reviews-v1"); got != jane {
		t.Errorf("created: by %q", got)
	}
	joe := as(t, "joe")
	for what, write := range map[string]func(){
		"status":          func() { joe.status(created, annotate(map[string]any{intent.KeyBy: "admin"})) },
		"status and more": func() { joe.status(created, annotate(map[string]any{intent.KeyBy: "root", intent.KeyWeight: "7"})) },
		"a patch":         func() { joe.patched(created, annotate(map[string]any{intent.KeyBy: "admin"})) },
		"removed":         func() { joe.patched(created, annotate(map[string]any{intent.KeyBy: nil})) },
		"letting go and by": func() {
			joe.patched(created, annotate(map[string]any{intent.KeyBy: "admin", intent.KeyTraffic: "original"}))
		},
		"a replace": func() {
			fresh := c.now(created)
			annotations := fresh.GetAnnotations()
			annotations[intent.KeyBy] = "admin"
			fresh.SetAnnotations(annotations)
			fresh.SetResourceVersion("") // whoever wrote its status in between
			if err := joe.Update(t.Context(), fresh); err != nil {
				t.Fatal(err)
			}
		},
	} {
		write()
		if got := by("reviews-v1"); got != "joe" {
			t.Errorf("%s: by %q", what, got)
		}
	}

	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments/status.apps", "patch"))
	err := mallory.Status().Patch(t.Context(), created.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(annotate(map[string]any{intent.KeyWeight: "9", intent.KeyBy: "joe"}))))
	c.refused(err, `"mallory" may not create deployments.apps`)
}

// TestATenantGetsNoClone: who may do anything to Deployments of the namespace makes
// no clone, and takes none over, by labels, annotations, names or subresources.
func TestATenantGetsNoClone(t *testing.T) {
	c, ours := as(t, jane), as(t, we)
	service, d := c.service(), c.deployment(good("weight=10"))
	c.made(d)
	c.claimed(service, d)
	clone := c.clone()
	ours.made(clone)
	mine := deployment(c.namespace, "mine", nil)
	c.made(mine)
	mallory := c.tenant("mallory")
	mallory.granted(c.namespace, may("deployments.apps", "get list create update patch delete"), may("deployments/status.apps", "update patch"))

	labels := map[string]any{intent.LabelTask: "reviews-v2", intent.LabelOf: "reviews-v1"}
	marked := func(name string, keys ...string) *unstructured.Unstructured {
		u := deployment(c.namespace, name, nil)
		set := map[string]string{}
		for _, key := range keys {
			set[key] = labels[key].(string)
		}
		u.SetLabels(set)
		return u
	}
	patch := func(of *unstructured.Unstructured, body string) func() error {
		return func() error { return mallory.try(of, body) }
	}
	status := func(of *unstructured.Unstructured, body string) func() error {
		return func() error {
			return mallory.Status().Patch(t.Context(), of.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(body)))
		}
	}
	for what, try := range map[string]func() error{
		"created with the labels":  func() error { return mallory.Create(t.Context(), marked("forged", intent.LabelTask, intent.LabelOf)) },
		"created with one":         func() error { return mallory.Create(t.Context(), marked("forged", intent.LabelOf)) },
		"labelled":                 patch(mine, metadata("labels", labels)),
		"labelled and asking":      patch(mine, `{"metadata":{"labels":{"grayscale.dev/task":"x"},"annotations":{"grayscale.dev/release":"mine-v2"}}}`),
		"the clone relabelled":     patch(clone, metadata("labels", map[string]any{intent.LabelOf: "mine"})),
		"the clone freed":          patch(clone, metadata("labels", map[string]any{intent.LabelTask: nil, intent.LabelOf: nil})),
		"the clone's image":        patch(clone, newImage),
		"the clone asks":           patch(clone, annotate(asAny(good()))),
		"the clone's status asks":  status(clone, annotate(asAny(good()))),
		"the original's by status": status(d, annotate(map[string]any{intent.KeyWeight: "50"})),
		"another clone's name":     patch(d, annotate(map[string]any{intent.KeyName: "mine"})),
	} {
		err := try()
		if err == nil || !isAnswer(err) {
			t.Errorf("%s: %v, want our refusal", what, err)
		}
	}
	if err := mallory.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(marked("applied", intent.LabelTask)), client.FieldOwner("mallory")); err == nil || !isAnswer(err) {
		t.Errorf("applied: %v, want our refusal", err)
	}
	if err := status(mine, metadata("labels", labels))(); err != nil {
		t.Errorf("a status with labels, of which the API server takes none: %v", err)
	}
	var all unstructured.UnstructuredList
	all.SetAPIVersion("apps/v1")
	all.SetKind("DeploymentList")
	if err := c.List(t.Context(), &all, client.InNamespace(c.namespace), client.HasLabels{intent.LabelTask}); err != nil {
		t.Fatal(err)
	}
	if len(all.Items) != 1 || all.Items[0].GetUID() != clone.GetUID() || all.Items[0].GetLabels()[intent.LabelOf] != "reviews-v1" {
		t.Errorf("there are %d clones, want the one: %v", len(all.Items), all.Items)
	}
}
