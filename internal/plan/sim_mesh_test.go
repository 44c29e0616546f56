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

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
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
					j.checkShares(key, vs, service)
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
		j.checkMirrors(fmt.Sprintf("%s http[%d]", key, n), fields, vs.GetNamespace(), service)
	}
}

// checkMirrors: a mirror of ours copies to the grayscale version alone, one of the
// user's to the version that has the traffic.
func (j *judge) checkMirrors(where string, fields map[string]any, namespace string, service types.NamespacedName) {
	entries, _ := fields["mirrors"].([]any)
	mirrors := []any{fields["mirror"]}
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		mirrors = append(mirrors, entry["destination"])
	}
	for _, m := range mirrors {
		to, _ := m.(map[string]any)
		host, _ := to["host"].(string)
		subset, _ := to["subset"].(string)
		if named, ok := route.ServiceOf(host, namespace); !ok || named != service {
			continue
		}
		if !strings.HasPrefix(subset, route.SubsetMirror) {
			j.request(where+" mirror", service, subset)
			continue
		}
		variants, ok := j.subset(service, subset)
		if !ok && !j.ruleless {
			j.c.fail("%s mirrors to subset %q, which not every proxy knows", where, subset)
		}
		for _, v := range variants {
			for _, p := range j.reach(j.known(service), v) {
				if p.labels["version"] != j.claims[service].Grayscale.Version {
					j.c.fail("%s mirrors to pod %s of version %s", where, p.name, p.labels["version"])
				}
			}
		}
		if !slices.ContainsFunc(j.allowed(service), func(s intent.Share) bool { return s.Mirror > 0 }) {
			j.c.fail("%s mirrors, and no mirror was asked", where)
		}
	}
}

// request judges where a request to a subset of the Service may end.
func (j *judge) request(where string, service types.NamespacedName, subset string) {
	variants, ok := j.subset(service, subset)
	if !ok {
		if !j.lenient() || strings.HasPrefix(subset, route.Reserved) && !j.ruleless {
			j.c.fail("%s names subset %q, which no DestinationRule has had for the propagation delay, or one may have lost", where, subset)
		}
		return
	}
	if j.lenient() {
		return
	}
	known := j.known(service)
	for _, v := range variants {
		j.arrive(fmt.Sprintf("%s sends requests for subset %q", where, subset), service, v, known, strings.HasPrefix(subset, route.SubsetVersion))
	}
}

// arrive judges the pods that a subset leads to.
func (j *judge) arrive(where string, service types.NamespacedName, v variant, known []*pod, version bool) {
	claim := j.claims[service]
	ready, reached := 0, 0
	for _, p := range known {
		ready += btoi(p.ready(j.c.now))
	}
	for _, p := range j.reach(known, v) {
		reached += btoi(p.ready(j.c.now))
		if !version && p.labels["version"] == claim.Grayscale.Version && j.originalStands(service, claim, known) {
			j.c.fail("%s to pod %s of the grayscale version, past the policy", where, p.name)
		}
		if p.taken && ready > 0 {
			j.c.fail("%s to pod %s, whose Deployment the controller has deleted", where, p.name)
		}
	}
	if reached == 0 && ready > 0 && (version || !j.emptied[service]) {
		j.c.fail("%s, which has no ready pod", where)
	}
}

// reach gives the pods that requests to a subset go to: those that it selects
// and, of these, those that match the most of the leading labels of its failover
// priority, as long as one of them is ready.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting-failover_priority
func (j *judge) reach(known []*pod, v variant) []*pod {
	groups := make([][]*pod, len(v.priority)+1)
	for _, p := range known {
		if matches(v.selector, p.labels) {
			rank := leading(v.priority, p.labels)
			groups[rank] = append(groups[rank], p)
		}
	}
	for _, group := range slices.Backward(groups) {
		if slices.ContainsFunc(group, func(p *pod) bool { return p.ready(j.c.now) }) {
			return group
		}
	}
	return slices.Concat(groups...)
}

// leading counts how many of the labels, as "key=value", a pod matches before the
// first that it does not.
func leading(priority []string, labels map[string]string) int {
	for n, pair := range priority {
		key, value, _ := strings.Cut(pair, "=")
		if labels[key] != value {
			return n
		}
	}
	return len(priority)
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
// while its Deployment stands, or proxies know its pods. A clone that was freed is
// a version of the user's like any other.
func (j *judge) originalStands(service types.NamespacedName, claim *release.Status, known []*pod) bool {
	if clone := j.c.get("Deployment " + service.Namespace + "/" + claim.Clone); clone != nil && j.c.claim(service) == nil && !workload.IsClone(clone) {
		return false
	}
	d := j.c.get("Deployment " + service.Namespace + "/" + claim.Original.Name)
	return d != nil && d.GetUID() == claim.Original.UID && release.WorkloadOf(d).Template["version"] != claim.Grayscale.Version ||
		slices.ContainsFunc(known, func(p *pod) bool { return p.labels["version"] == claim.Original.Version })
}

// variant is a subset as one revision of a rule has it.
type variant struct {
	selector map[string]string
	priority []string // failoverPriority: "key=value"
}

// subset finds a subset in a rule that has had it, and will have it, for every
// proxy, and gives it as each proxy may hold it.
func (j *judge) subset(service types.NamespacedName, name string) (variants []variant, ok bool) {
	if name == "" {
		return []variant{{}}, true
	}
	for _, key := range slices.Sorted(maps.Keys(j.revisions)) {
		if kindOf(key) != "DestinationRule" {
			continue
		}
		always, variants := true, []variant(nil)
		for _, rule := range j.window(j.revisions[key]) {
			v, have := variant{}, false
			if rule != nil && route.Matches(rule, service) {
				v, have = subsetIn(rule, name)
			}
			always, variants = always && have, append(variants, v)
		}
		if always && len(j.revisions[key]) > 0 {
			return variants, true
		}
	}
	return nil, false
}

func subsetIn(rule *unstructured.Unstructured, name string) (v variant, ok bool) {
	subsets, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
	for _, s := range subsets {
		m, _ := s.(map[string]any)
		if m["name"] != name {
			continue
		}
		v.selector, _, _ = unstructured.NestedStringMap(m, "labels")
		v.priority, _, _ = unstructured.NestedStringSlice(m, "trafficPolicy", "loadBalancer", "localityLbSetting", "failoverPriority")
		return v, true
	}
	return v, false
}
