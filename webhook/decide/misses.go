package decide

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// misses are the kinds whose objects hold for the pods that they select, by a
// field of the spec, and what the pods that they don't select lack.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#AuthorizationPolicy
// https://istio.io/latest/docs/reference/config/networking/sidecar/#Sidecar
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
// https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitorSpec
var misses = map[string]struct{ field, lack string }{
	"AuthorizationPolicy": {"selector", "its rules on who may call will not hold for"},
	"NetworkPolicy":       {"podSelector", "its rules on connections will not hold for"},
	"Sidecar":             {"workloadSelector", "its settings will not be those of the proxies of"},
	"PodMonitor":          {"selector", "it will not scrape"},
}

// Misses warns of each object that selects pods of the original version and none
// of the grayscale version, whose pods will do without it: an AuthorizationPolicy,
// a NetworkPolicy, which may also name them as those that may call or be called, a
// Sidecar or a PodMonitor. The objects are those that could hold in the original's
// namespace.
func Misses(spec release.Spec, objects []unstructured.Unstructured) (warnings []string) {
	if spec.Versions.Grayscale == "" {
		return nil // which is refused
	}
	for _, u := range objects {
		kind, known := misses[u.GetKind()]
		selector, _, _ := unstructured.NestedMap(u.Object, "spec", kind.field)
		if known && monitors(u, spec.Original.Namespace) && onlyOriginal(spec, selector) {
			warnings = append(warnings, missed(spec, u, kind.lack))
		}
		if u.GetKind() != "NetworkPolicy" {
			continue
		}
		for _, rules := range []struct{ direction, field, lack string }{
			{"ingress", "from", "it will not let in"}, {"egress", "to", "it will not let anybody call"},
		} {
			if slices.ContainsFunc(peers(u, rules.direction, rules.field), func(s map[string]any) bool { return onlyOriginal(spec, s) }) {
				warnings = append(warnings, missed(spec, u, rules.lack))
			}
		}
	}
	return warnings
}

func missed(spec release.Spec, u unstructured.Unstructured, lack string) string {
	return fmt.Sprintf("%s %s/%s selects pods of version %s and none of %s: %s the pods of the new version, unless it selects those, too",
		u.GetKind(), u.GetNamespace(), u.GetName(), spec.Versions.Original, spec.Versions.Grayscale, lack)
}

// onlyOriginal says whether a selector selects the original's pods and not the
// clone's.
func onlyOriginal(spec release.Spec, written map[string]any) bool {
	s := selector(written)
	return s.Matches(labels.Set(spec.Original.Template)) && !s.Matches(labels.Set(podsOf(spec)))
}

// selector reads a selector of pods as Kubernetes and as Istio write it; none, or
// one that can't be read, selects nothing.
func selector(written map[string]any) labels.Selector {
	if plain, ok, _ := unstructured.NestedStringMap(written, "labels"); ok {
		return labels.SelectorFromSet(plain)
	}
	var s metav1.LabelSelector
	if len(written) == 0 || runtime.DefaultUnstructuredConverter.FromUnstructured(written, &s) != nil {
		return labels.Nothing()
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// peers gives the selectors of the pods of a NetworkPolicy's own namespace in its
// rules of one direction.
func peers(policy unstructured.Unstructured, direction, field string) (selectors []map[string]any) {
	rules, _, _ := unstructured.NestedSlice(policy.Object, "spec", direction)
	for _, rule := range rules {
		r, _ := rule.(map[string]any)
		all, _, _ := unstructured.NestedSlice(r, field)
		for _, peer := range all {
			p, _ := peer.(map[string]any)
			if s, ok, _ := unstructured.NestedMap(p, "podSelector"); ok && p["namespaceSelector"] == nil {
				selectors = append(selectors, s)
			}
		}
	}
	return selectors
}

// monitors says whether an object that may look into other namespaces looks into
// this one; all but a PodMonitor hold where they are read.
func monitors(u unstructured.Unstructured, namespace string) bool {
	if u.GetKind() != "PodMonitor" {
		return true
	}
	everywhere, _, _ := unstructured.NestedBool(u.Object, "spec", "namespaceSelector", "any")
	names, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "namespaceSelector", "matchNames")
	return everywhere || slices.Contains(names, namespace) || len(names) == 0 && u.GetNamespace() == namespace
}
