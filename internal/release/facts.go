package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Workload is what a decision needs of a Deployment.
type Workload struct {
	Namespace, Name string
	UID             types.UID
	Annotations     map[string]string
	Labels          map[string]string // its own
	Template        map[string]string // its pods'
	Selector        metav1.LabelSelector
	Images          map[string]string // by container, init containers too
	Main            []string          // the containers that are no init containers
	Replicas        int32
	TemplateHash    string
}

// WorkloadOf reads a Deployment. What is malformed reads as absent, for the
// API server lets nothing malformed in.
func WorkloadOf(d *unstructured.Unstructured) Workload {
	w := Workload{
		Namespace: d.GetNamespace(), Name: d.GetName(), UID: d.GetUID(),
		Annotations: d.GetAnnotations(), Labels: d.GetLabels(), Images: map[string]string{},
		Replicas: 1, // the API's default
	}
	w.Template, _, _ = unstructured.NestedStringMap(d.Object, "spec", "template", "metadata", "labels")
	if written, ok, _ := unstructured.NestedMap(d.Object, "spec", "selector"); ok {
		_ = runtime.DefaultUnstructuredConverter.FromUnstructured(written, &w.Selector) // as above
	}
	if n, ok, err := unstructured.NestedInt64(d.Object, "spec", "replicas"); ok && err == nil {
		w.Replicas = int32(n)
	}
	for _, list := range []string{"containers", "initContainers"} {
		containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", list)
		for _, c := range containers {
			if m, ok := c.(map[string]any); ok {
				name, _ := m["name"].(string)
				image, _ := m["image"].(string)
				w.Images[name] = image
				if list == "containers" {
					w.Main = append(w.Main, name)
				}
			}
		}
	}
	template, _, _ := unstructured.NestedMap(d.Object, "spec", "template")
	w.TemplateHash = hash(template)
	return w
}

func hash(value any) string {
	b, err := json.Marshal(value) // maps are written in the order of their keys
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// Key is "namespace/name".
func (w Workload) Key() string { return w.Namespace + "/" + w.Name }

// Selects says whether the Deployment's selector selects pods with these labels.
// One that is empty or malformed, which the API server lets nobody write, selects
// none.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
func (w Workload) Selects(pod map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&w.Selector)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(pod))
}

// SelectsBy says whether the Deployment's selector names a label, by its value or
// in an expression.
func (w Workload) SelectsBy(key string) bool {
	_, ok := w.Selector.MatchLabels[key]
	return ok || slices.ContainsFunc(w.Selector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool { return e.Key == key })
}

// Service is what a decision needs of a Service.
type Service struct {
	Namespace, Name string
	UID             types.UID
	Annotations     map[string]string
	Selector        map[string]string
	Type            string // ClusterIP where none is written
	Headless        bool
	// PublishesUnready: pods that are not ready stand among its endpoints as if they
	// were.
	PublishesUnready bool
	Ports            []Port
}

// Port is a port of a Service.
type Port struct {
	Name, AppProtocol string
	Protocol          string // TCP where none is written
	Number            int64
}

// ServiceOf reads a Service.
func ServiceOf(u *unstructured.Unstructured) Service {
	s := Service{Namespace: u.GetNamespace(), Name: u.GetName(), UID: u.GetUID(), Annotations: u.GetAnnotations()}
	s.Selector, _, _ = unstructured.NestedStringMap(u.Object, "spec", "selector")
	kind, _, _ := unstructured.NestedString(u.Object, "spec", "type")
	s.Type = cmp.Or(kind, "ClusterIP")
	ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP")
	s.Headless = ip == "None"
	s.PublishesUnready, _, _ = unstructured.NestedBool(u.Object, "spec", "publishNotReadyAddresses")
	ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
	for _, p := range ports {
		if m, ok := p.(map[string]any); ok {
			port := Port{Protocol: "TCP"}
			if protocol, ok := m["protocol"].(string); ok {
				port.Protocol = protocol
			}
			port.Name, _ = m["name"].(string)
			port.AppProtocol, _ = m["appProtocol"].(string)
			port.Number, _ = m["port"].(int64)
			s.Ports = append(s.Ports, port)
		}
	}
	return s
}

// Key is "namespace/name".
func (s Service) Key() string { return s.Namespace + "/" + s.Name }

// NamespacedName is the same as a value.
func (s Service) NamespacedName() types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
}

// Selects says whether the Service selects pods with these labels. One without
// a selector selects none.
func (s Service) Selects(pod map[string]string) bool {
	return len(s.Selector) > 0 && labels.SelectorFromSet(s.Selector).Matches(labels.Set(pod))
}

// Selecting gives the Services that select the workload's pods, by name.
func Selecting(services []Service, w Workload) []Service {
	var out []Service
	for _, s := range services {
		if s.Namespace == w.Namespace && s.Selects(w.Template) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
