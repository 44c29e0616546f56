package main

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	userName = "bench" // who has the single rights that a release needs, and no other
	routes   = 50      // VirtualServices that lead to a Service
)

// crowd makes the VirtualServices, each for a host of its own at a gateway, and the
// user, and returns when he may.
func (s shop) crowd(ctx context.Context) error {
	for n := range routes {
		vs := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
			"metadata": map[string]any{"namespace": s.crowded, "name": fmt.Sprintf("front-%d", n)},
			"spec": map[string]any{
				"hosts": []any{fmt.Sprintf("shop-%d.test", n)}, "gateways": []any{"front"},
				"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "reviews"}}}}},
			},
		}}
		if err := s.cluster.Create(ctx, vs); err != nil {
			return fmt.Errorf("making a VirtualService: %w", err)
		}
	}
	meta := metav1.ObjectMeta{Namespace: s.crowded, Name: userName}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"create"}},
		{APIGroups: []string{"networking.istio.io"}, Resources: []string{"virtualservices", "destinationrules"}, Verbs: []string{"create", "update"}},
	}}
	if err := s.cluster.Create(ctx, role); err != nil {
		return fmt.Errorf("making a Role: %w", err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: userName},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: userName}},
	}
	if err := s.cluster.Create(ctx, binding); err != nil {
		return fmt.Errorf("making a RoleBinding: %w", err)
	}
	err := wait.PollUntilContextTimeout(ctx, poll, soon, true, func(ctx context.Context) (bool, error) {
		_, err := s.create(ctx, single)
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("waiting until user %s may ask for a release: %w", userName, err)
	}
	return nil
}
