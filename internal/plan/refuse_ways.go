package plan

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Way is another way to the pods than the routes of VirtualServices.
type Way struct {
	What  string // "Ingress shop/front"
	Why   string // a clause: "leads to Service shop/reviews past every VirtualService"
	Right string // what would be right, an imperative clause
	// Selects are the pod labels that it leads to; nil for one that leads to the
	// Service itself.
	Selects map[string]string
}

// pastRoutes gives all ways to the pods of a release that no VirtualService can
// pin. Whoever accepts that they take their share goes on.
func (s Snapshot) pastRoutes(service release.Service, v release.Versions) intent.Faults {
	w := ways{s: s, service: service, versions: v}
	w.kind()
	w.ports()
	w.siblings()
	for _, way := range s.Ways {
		if way.Selects == nil {
			w.add(way.What, way.Why, way.Right)
		} else if which := w.selected(way.Selects); which != "" {
			w.add(way.What, way.Why+": it selects "+which, way.Right)
		}
	}
	return w.faults
}

// unrouted names the ways that have come up while the release runs, but for
// those that its intent accepts; empty when there is none.
func (v view) unrouted() string {
	if v.Service == nil || v.intent == nil {
		return ""
	}
	faults := v.pastRoutes(release.ServiceOf(v.Service), v.versions).Unaccepted(*v.intent)
	return strings.Join(strings.Split(faults.Error(), "\n"), "; ")
}

type ways struct {
	s        Snapshot
	service  release.Service
	versions release.Versions
	faults   intent.Faults
}

func (w *ways) add(at, why, right string) {
	w.faults = append(w.faults, intent.Fault{Kind: intent.Conflict, At: at, Why: why, Right: right, Risk: intent.Unrouted})
}

// kind looks at what makes a Service reachable from outside of the cluster.
// https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types
func (w *ways) kind() {
	at := "Service " + w.service.Key()
	if w.service.Type == "NodePort" || w.service.Type == "LoadBalancer" {
		w.add(at, "is of type "+w.service.Type+", whose callers from outside go by no VirtualService", "make it ClusterIP, and let them come by a Gateway")
	}
	if w.s.Service == nil {
		return
	}
	if ips, _, _ := unstructured.NestedStringSlice(w.s.Service.Object, "spec", "externalIPs"); len(ips) > 0 {
		w.add(at, "has externalIPs, whose callers go by no VirtualService", "remove them, and let their callers come by a Gateway")
	}
}

func (w *ways) ports() {
	for _, port := range w.service.Ports {
		at := fmt.Sprintf("Service %s port %d", w.service.Key(), port.Number)
		if port.Protocol != "TCP" { // HTTP/3 is no protocol inside the mesh
			w.add(at, "is "+port.Protocol+", which no VirtualService routes", "remove the port")
		}
	}
	_, faults := route.FindGaps(w.s.Key, w.service.Ports, w.s.VirtualServices)
	w.faults = append(w.faults, faults...)
}

// siblings are other Services for the same pods, headless ones too.
func (w *ways) siblings() {
	for _, other := range w.s.services() {
		if other.Name == w.s.Key.Name || len(other.Selector) == 0 {
			continue
		}
		if which := w.selected(other.Selector); which != "" {
			w.add("Service "+other.Key(), "selects "+which+", and no VirtualService of Service "+w.s.Key.String()+" holds for its callers", "remove it, or change its selector")
		}
	}
}

// selected says which pods a selector takes of those that the release has or will
// have; empty: none. Who selects the original's alone stays there when everybody
// else goes to the grayscale version, and finds nobody once that has taken its
// place.
func (w *ways) selected(selector map[string]string) string {
	s := labels.SelectorFromSet(selector)
	original := labels.Set(w.versions.OriginalLabels)
	grayscale := labels.Merge(original, nil)
	for _, key := range w.versions.VersionLabels {
		grayscale[key] = w.versions.Grayscale
	}
	switch {
	case len(original) == 0:
		return ""
	case s.Matches(original) && s.Matches(grayscale):
		return "the pods of both versions"
	case s.Matches(original):
		return "the pods of version " + w.versions.Original + " alone"
	case s.Matches(grayscale):
		return "the pods of version " + w.versions.Grayscale + " alone"
	}
	return ""
}
