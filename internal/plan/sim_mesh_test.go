package plan_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, " ")
	return kind
}

// check asks, for every route that some proxy may hold, where its requests go.
func (j *judge) check() {
	for _, service := range j.c.services {
		if claim := j.c.claim(service); claim != nil {
			j.claims[service] = claim
		}
		if j.claims[service] == nil || j.c.get("Service "+service.String()) == nil {
			continue // the mesh does not know the host, or no longer
		}
		for key, revisions := range j.revisions {
			if kindOf(key) != "VirtualService" {
				continue
			}
			for _, vs := range j.window(revisions) {
				if vs != nil {
					j.checkRoutes(key, vs, service)
				}
			}
		}
		for _, meshless := range j.window(j.meshless[service]) {
			if meshless != nil {
				j.request("a host without a VirtualService", service, "")
			}
		}
	}
	if len(j.c.gone) > 200 {
		j.c.gone = j.c.gone[len(j.c.gone)-100:]
	}
}

// checkRoutes follows every destination that a request can reach.
func (j *judge) checkRoutes(key string, vs *unstructured.Unstructured, service types.NamespacedName) {
	routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
	var shadows []any
	for n, r := range routes {
		fields, _ := r.(map[string]any)
		if slices.ContainsFunc(shadows, func(m any) bool { return reflect.DeepEqual(m, fields["match"]) }) {
			continue // never reached
		}
		shadows = append(shadows, fields["match"])
		entries, _ := fields["route"].([]any)
		for _, e := range entries {
			entry, _ := e.(map[string]any)
			to, _ := entry["destination"].(map[string]any)
			host, _ := to["host"].(string)
			subset, _ := to["subset"].(string)
			weight, _ := entry["weight"].(int64)
			named, ok := route.ServiceOf(host, vs.GetNamespace())
			if !ok || named != service || len(entries) > 1 && weight == 0 {
				continue
			}
			j.request(fmt.Sprintf("%s http[%d]", key, n), service, subset)
		}
	}
}

// request judges where a request to a subset of the Service may end.
func (j *judge) request(where string, service types.NamespacedName, subset string) {
	selector, failover, ok := j.subset(service, subset)
	if !ok {
		if !j.lenient() || strings.HasPrefix(subset, route.Reserved) && !j.ruleless {
			j.c.fail("%s names subset %q, which no DestinationRule has had for the propagation delay, or one may have lost", where, subset)
		}
		return
	}
	if j.lenient() {
		return
	}
	claim := j.claims[service]
	reached, ready, known := 0, 0, j.known(service)
	for _, p := range known {
		if ready += btoi(p.ready(j.c.now)); !failover && !matches(selector, p.labels) {
			continue
		}
		reached += btoi(p.ready(j.c.now))
		if !strings.HasPrefix(subset, route.SubsetVersion) && p.labels["version"] == claim.Grayscale.Version && j.originalStands(service, claim, known) {
			j.c.fail("%s sends requests for subset %q to pod %s of the grayscale version, past the policy", where, subset, p.name)
		}
	}
	if reached == 0 && ready > 0 {
		j.c.fail("%s sends requests to subset %q, which has no ready pod", where, subset)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func matches(selector, pod map[string]string) bool {
	return labels.SelectorFromSet(selector).Matches(labels.Set(pod))
}

// known are the Service's pods that some proxy may send requests to.
func (j *judge) known(service types.NamespacedName) []*pod {
	selects := release.ServiceOf(j.c.get("Service " + service.String()))
	var out []*pod
	for _, p := range slices.Concat(j.c.pods, j.c.gone) {
		forgotten := p.leaving() && !p.goneAt.Add(j.c.settings.Propagation).After(j.c.now)
		if p.namespace == service.Namespace && selects.Selects(p.labels) && !forgotten && !p.deaf && !p.readyAt.After(j.c.now) {
			out = append(out, p)
		}
	}
	return out
}

// originalStands says whether a request could still be meant for the original:
// while its Deployment stands, or proxies know its pods.
func (j *judge) originalStands(service types.NamespacedName, claim *release.Status, known []*pod) bool {
	d := j.c.get("Deployment " + service.Namespace + "/" + claim.Original.Name)
	return d != nil && d.GetUID() == claim.Original.UID ||
		slices.ContainsFunc(known, func(p *pod) bool { return p.labels["version"] == claim.Original.Version })
}

// subset finds a subset in a rule that has had it, and will have it, for every
// proxy. failover says that its labels only say which pods come first.
func (j *judge) subset(service types.NamespacedName, name string) (selector map[string]string, failover, ok bool) {
	if name == "" {
		return nil, false, true
	}
	for _, key := range slices.Sorted(maps.Keys(j.revisions)) {
		if kindOf(key) != "DestinationRule" {
			continue
		}
		always := true
		for _, rule := range j.window(j.revisions[key]) {
			var have bool
			if rule != nil && route.Matches(rule, service) {
				selector, failover, have = subsetIn(rule, name)
			}
			always = always && have
		}
		if always && len(j.revisions[key]) > 0 {
			return selector, failover, true
		}
	}
	return nil, false, false
}

func subsetIn(rule *unstructured.Unstructured, name string) (selector map[string]string, failover, ok bool) {
	subsets, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
	for _, s := range subsets {
		m, _ := s.(map[string]any)
		if m["name"] != name {
			continue
		}
		selector, _, _ = unstructured.NestedStringMap(m, "labels")
		priority, _, _ := unstructured.NestedSlice(m, "trafficPolicy", "loadBalancer", "localityLbSetting", "failoverPriority")
		return selector, len(priority) > 0, true
	}
	return nil, false, false
}
