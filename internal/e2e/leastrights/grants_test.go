package leastrights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// right is one verb on one resource: one that is granted, or one that was used.
// The JSON is that of testbed run --uses.
type right struct {
	Verb        string `json:"verb"`
	Group       string `json:"group"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource"`
	// Namespace and Name are what a grant is bound to, and what was used; empty
	// for a grant that is not bound, and for what no rule could bind.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Denied is of a use that no rule granted.
	Denied bool `json:"denied"`
}

// String is how the table of reasons names a right.
func (r right) String() string {
	what := r.Verb + " " + r.Resource
	if r.Group != "" {
		what += "." + r.Group
	}
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Name != "" {
		what += " " + r.Name
	}
	if r.Namespace != "" {
		what += " in " + r.Namespace
	}
	return what
}

// covers says whether a grant allows a use.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
func (r right) covers(use right) bool {
	return r.Verb == use.Verb && r.Group == use.Group && r.Resource == use.Resource && r.Subresource == use.Subresource &&
		(r.Namespace == "" || r.Namespace == use.Namespace) && (r.Name == "" || r.Name == use.Name)
}

// granted gives what a ServiceAccount may do by roles that are bound to it.
func granted(objects []*unstructured.Unstructured, account, namespace string) (all []right, err error) {
	rules, bound := map[rbacv1.RoleRef][]rbacv1.PolicyRule{}, map[rbacv1.RoleRef]string{}
	for _, o := range objects {
		kind := strings.TrimPrefix(o.GetKind(), "Cluster")
		if kind != "Role" && kind != "RoleBinding" {
			continue
		}
		// The cluster's kinds have the same fields.
		var role rbacv1.Role
		var binding rbacv1.RoleBinding
		into := map[string]any{"Role": &role, "RoleBinding": &binding}[kind]
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
			return nil, fmt.Errorf("reading %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		switch {
		case kind == "Role":
			rules[rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: o.GetKind(), Name: o.GetName()}] = role.Rules
		case slices.Contains(binding.Subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}):
			bound[binding.RoleRef] = o.GetNamespace()
		}
	}
	for ref, in := range bound {
		if len(rules[ref]) == 0 {
			return nil, fmt.Errorf("%s %s is bound to ServiceAccount %s/%s, and has no rules here", ref.Kind, ref.Name, namespace, account)
		}
		for _, rule := range rules[ref] {
			more, err := spread(rule, in)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", ref.Kind, ref.Name, err)
			}
			all = append(all, more...)
		}
	}
	slices.SortFunc(all, func(a, b right) int { return cmp.Compare(a.String(), b.String()) })
	return all, nil
}

// spread gives each right that a rule grants by itself.
func spread(rule rbacv1.PolicyRule, namespace string) (all []right, err error) {
	if len(rule.NonResourceURLs) > 0 {
		return nil, fmt.Errorf("grants the URLs %q, want resources alone", rule.NonResourceURLs)
	}
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			resource, sub, _ := strings.Cut(resource, "/")
			for _, verb := range rule.Verbs {
				for _, name := range names {
					r := right{Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
					if strings.Contains(r.String(), "*") {
						return nil, fmt.Errorf("grants %q, want verbs, groups and resources by name", r)
					}
					all = append(all, r)
				}
			}
		}
	}
	return all, nil
}

// ours gives what the manifests grant to the controller.
func ours() ([]right, error) {
	objects, err := manifests.Build(manifests.Options{})
	if err != nil {
		return nil, err
	}
	return granted(objects, manifests.Controller, manifests.Namespace)
}
