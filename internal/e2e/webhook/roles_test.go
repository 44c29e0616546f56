package webhook

import (
	"context"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// bound gives a user who has a ClusterRole in the namespace alone.
func (c cluster) bound(user, role string) {
	c.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: user},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	if err := admin().Create(c.Context(), binding); err != nil {
		c.Fatal(err)
	}
}

// allowed asks the API server's authorizer.
func allowed(t *testing.T, user, namespace, verb, group, resource, sub string) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: group, Resource: resource, Subresource: sub, Name: "reviews",
		},
	}}
	if err := admin().Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// TestUsersRoles: by the cluster's own roles a viewer reads routes, an editor may
// release, each in the namespace alone, and neither may write a claim; without the
// aggregation neither role is changed.
func TestUsersRoles(t *testing.T) {
	c := as(t, jane)
	c.bound("vera", "view")
	c.bound("edna", "edit")
	may := func(user, namespace, verb, group, resource, sub string) func() (bool, error) {
		return func() (bool, error) { return allowed(t, user, namespace, verb, group, resource, sub), nil }
	}
	const ours, istio = "grayscale.dev", "networking.istio.io"
	if allowed(t, "edna", c.namespace, "release", ours, "services", "") || allowed(t, "vera", c.namespace, "list", istio, "virtualservices", "") {
		t.Fatal("edit or view carries our roles before they are there")
	}
	no := false
	userRoles(t, manifests.Options{Aggregate: &no})
	c.bound("rita", manifests.Releaser)
	if err := until(t.Context(), "the releaser's role counts", may("rita", c.namespace, "release", ours, "services", "")); err != nil {
		t.Fatal(err)
	}
	if allowed(t, "edna", c.namespace, "release", ours, "services", "") {
		t.Error("edit carries the releaser's role, and was not to")
	}
	userRoles(t, manifests.Options{})
	for _, one := range []struct{ user, verb, group, resource string }{
		{"edna", "release", ours, "services"},
		{"edna", "list", istio, "virtualservices"}, // edit carries view
		{"vera", "list", istio, "virtualservices"},
		{"vera", "watch", istio, "destinationrules"},
	} {
		if err := until(t.Context(), one.user+" may "+one.verb+" "+one.resource, may(one.user, c.namespace, one.verb, one.group, one.resource, "")); err != nil {
			t.Error(err)
		}
	}
	for _, one := range []struct{ user, namespace, verb, group, resource, sub string }{
		{"vera", c.namespace, "release", ours, "services", ""},
		{"edna", "default", "release", ours, "services", ""},
		{"edna", c.namespace, "update", ours, "services", "claim"},
		{"rita", c.namespace, "update", ours, "services", "claim"},
		{"edna", c.namespace, "update", istio, "virtualservices", ""},
		{"rita", c.namespace, "update", "apps", "deployments", ""},
		{"vera", "default", "list", istio, "virtualservices", ""},
	} {
		if allowed(t, one.user, one.namespace, one.verb, one.group, one.resource, one.sub) {
			t.Errorf("%s may %s %s/%s in namespace %s", one.user, one.verb, one.resource, one.sub, one.namespace)
		}
	}
}

// userRoles puts the manifests' roles for users on the API server until the test ends.
func userRoles(t *testing.T, o manifests.Options) {
	t.Helper()
	objects, err := manifests.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range objects {
		if u.GetKind() != "ClusterRole" || u.GetName() != manifests.Viewer && u.GetName() != manifests.Releaser {
			continue
		}
		before := object(u.GetAPIVersion(), u.GetKind(), "", u.GetName())
		if err := admin().Get(t.Context(), client.ObjectKeyFromObject(u), before); err == nil {
			u.SetResourceVersion(before.GetResourceVersion())
			if err := admin().Update(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := admin().Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := admin().Delete(context.Background(), u); err != nil {
				t.Error(err)
			}
		})
	}
}
