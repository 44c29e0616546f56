package workload

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The tools that bring an object back, in words. Flux has two controllers that do,
// and each is told in other words to leave a field alone.
const (
	ArgoCD   = "Argo CD"
	Flux     = "Flux"
	FluxHelm = "Flux's helm-controller"
	Helm     = "Helm"
)

// marks say by what stands on an object whose it is: keys of annotations and labels,
// and the names of field managers, each by its beginning. A controller that tracks
// by a label that others write, too, as Argo CD may, is known by its name alone.
// https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
// https://fluxcd.io/flux/components/kustomize/kustomizations/#server-side-apply-field-manager
// https://helm.sh/docs/chart_best_practices/labels/
var marks = []struct {
	tool    string
	keys    []string
	manager string
}{
	{ArgoCD, []string{"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"}, "argocd"},
	{FluxHelm, []string{"helm.toolkit.fluxcd.io/"}, "helm-controller"},
	{Flux, []string{"kustomize.toolkit.fluxcd.io/"}, "kustomize-controller"},
	{Helm, []string{"meta.helm.sh/"}, "helm"},
}

// Manager says in words who would bring an object back, or fight a change of
// it: Helm, Argo CD, Flux, an owner. Empty when nobody is known to.
// kubectl apply alone is not a manager: nobody re-applies by itself.
func Manager(u *unstructured.Unstructured) string {
	for _, owner := range u.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller {
			return fmt.Sprintf("%s %s", owner.Kind, owner.Name)
		}
	}
	labels, annotations := u.GetLabels(), u.GetAnnotations()
	for _, m := range marks {
		if hasKey(annotations, m.keys) || hasKey(labels, m.keys) {
			return m.tool
		}
	}
	if labels["app.kubernetes.io/managed-by"] == Helm {
		return Helm
	}
	for _, e := range u.GetManagedFields() {
		if tool := Tool(e.Manager); tool != "" && e.Subresource == "" { // who writes a status manages nothing
			return tool
		}
	}
	return ""
}

// Tool names the tool that writes under a name of managedFields; empty where it is
// none that brings an object back.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
func Tool(manager string) string {
	for _, m := range marks {
		if strings.HasPrefix(manager, m.manager) {
			return m.tool
		}
	}
	return ""
}

func hasKey(in map[string]string, prefixes []string) bool {
	for key := range in {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			return true
		}
	}
	return false
}
