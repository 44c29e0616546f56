package workload

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Manager says in words who would bring an object back, or fight a change of
// it: Helm, Argo CD, Flux, an owner. Empty when nobody is known to.
// kubectl apply alone is not a manager: nobody re-applies by itself.
func Manager(u *unstructured.Unstructured) string {
	for _, owner := range u.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller {
			return fmt.Sprintf("%s %s", owner.Kind, owner.Name)
		}
	}
	for key := range u.GetAnnotations() {
		if who := managerByKey(key); who != "" {
			return who
		}
	}
	for key, value := range u.GetLabels() {
		if who := managerByKey(key); who != "" {
			return who
		}
		if key == "app.kubernetes.io/managed-by" && value == "Helm" {
			return "Helm"
		}
	}
	return ""
}

func managerByKey(key string) string {
	switch {
	case strings.HasPrefix(key, "meta.helm.sh/"):
		return "Helm"
	case key == "argocd.argoproj.io/tracking-id", key == "argocd.argoproj.io/instance":
		return "Argo CD"
	case strings.HasPrefix(key, "kustomize.toolkit.fluxcd.io/"), strings.HasPrefix(key, "helm.toolkit.fluxcd.io/"):
		return "Flux"
	}
	return ""
}
