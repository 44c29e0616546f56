// Package manifests holds what the controller needs in a cluster, as a
// kustomize base with overlays, and builds it.
package manifests

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

//go:embed base overlays
var files embed.FS

// The names that others need to know.
const (
	Namespace  = "grayscale-system"     // by default
	Controller = "grayscale-controller" // Deployment, ServiceAccount, roles, Lease
	Webhooks   = "grayscale"            // both webhook configurations
	Container  = "controller"
	Viewer     = "grayscale-viewer"   // ClusterRole for users, which view carries
	Releaser   = "grayscale-releaser" // ClusterRole for users, which edit carries
)

// Selector are labels that every object has, and nobody else's.
var Selector = map[string]string{
	"app.kubernetes.io/name":       "grayscale",
	"app.kubernetes.io/part-of":    "grayscale",
	"app.kubernetes.io/managed-by": "kubectl-grayscale",
}

// Options are an installation's own wishes. A zero value leaves the base's.
type Options struct {
	Namespace     string
	Image         string         // of the controller
	Replicas      int32          // of the controller
	Propagation   *time.Duration // --propagation-delay
	Drain         *time.Duration // --drain
	Hold          *time.Duration // --readiness-hold
	VersionLabel  string         // --version-label
	RootNamespace string         // --root-namespace
	Arguments     []string       // other arguments of the controller, each --flag=value or --flag
	Aggregate     *bool          // whether the cluster's roles view and edit carry ours for users
}

// Build gives all objects, in an order in which they can be applied.
func Build(o Options) ([]*unstructured.Unstructured, error) {
	disk, err := onDisk()
	if err != nil {
		return nil, err
	}
	k := o.kustomization()
	overlay, err := yaml.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("writing the overlay: %w", err)
	}
	if err := disk.WriteFile("overlays/install/kustomization.yaml", overlay); err != nil {
		return nil, fmt.Errorf("writing the overlay: %w", err)
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "overlays/install")
	if err != nil {
		return nil, fmt.Errorf("building the manifests: %w", err)
	}
	var objects []*unstructured.Unstructured
	for _, r := range resources.Resources() {
		content, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("building the manifests: %s: %w", r.CurId(), err)
		}
		// kustomize can't know that an expression of a webhook names an account.
		content = bytes.ReplaceAll(content, account(Namespace), account(k.Namespace))
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(content); err != nil {
			return nil, fmt.Errorf("building the manifests: %s: %w", r.CurId(), err)
		}
		if o.Aggregate != nil && !*o.Aggregate {
			withoutAggregation(object)
		}
		if object.GetKind() == "Deployment" {
			if err := o.configure(object); err != nil {
				return nil, fmt.Errorf("building the manifests: %s: %w", r.CurId(), err)
			}
		}
		objects = append(objects, object)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return objects, nil
}

// account is how the API server names the controller of an installation.
func account(namespace string) []byte {
	return []byte("system:serviceaccount:" + namespace + ":" + Controller)
}

// order is that of the kinds: what others need comes first, and what refuses
// writes while nobody answers comes last.
var order = []string{
	"Namespace", "ServiceAccount", "Secret", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service",
	"PodDisruptionBudget", "NetworkPolicy", "Deployment",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
}

func rank(u *unstructured.Unstructured) int { return slices.Index(order, u.GetKind()) }

// kustomization is the overlay that says what the options say of all objects.
func (o Options) kustomization() types.Kustomization {
	k := types.Kustomization{
		TypeMeta:  types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind},
		Namespace: cmp.Or(o.Namespace, Namespace),
		Resources: []string{"../default"},
	}
	if o.Replicas > 0 {
		k.Replicas = []types.Replica{{Name: Controller, Count: int64(o.Replicas)}}
	}
	return k
}

// onDisk gives the embedded files as kustomize wants them.
func onDisk() (filesys.FileSystem, error) {
	disk := filesys.MakeFsInMemory()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return disk.WriteFile(path, content)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the embedded manifests: %w", err)
	}
	return disk, nil
}

// Removable is a kind of object that an installation has.
type Removable struct {
	APIVersion, Kind string
	Namespaced       bool
}

// Removal gives the kinds in the order in which they are to be deleted: what
// would refuse writes while nobody answers comes first.
func Removal() []Removable {
	const admission, rbac = "admissionregistration.k8s.io/v1", "rbac.authorization.k8s.io/v1"
	return []Removable{
		{admission, "MutatingWebhookConfiguration", false},
		{admission, "ValidatingWebhookConfiguration", false},
		{admission, "ValidatingAdmissionPolicyBinding", false},
		{admission, "ValidatingAdmissionPolicy", false},
		{"apps/v1", "Deployment", true},
		{"policy/v1", "PodDisruptionBudget", true},
		{"networking.k8s.io/v1", "NetworkPolicy", true},
		{"v1", "Service", true},
		{"v1", "Secret", true},
		{rbac, "RoleBinding", true},
		{rbac, "Role", true},
		{rbac, "ClusterRoleBinding", false},
		{rbac, "ClusterRole", false},
		{"v1", "ServiceAccount", true},
		{"v1", "Namespace", false},
	}
}
