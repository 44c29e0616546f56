package route

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// How istiod puts policies together (MergeTrafficPolicy and
// GetPortLevelTrafficPolicy): a field of the subset's policy replaces that of the
// top level whole; settings of a port replace everything beside them.

// effective is the field of the subset's policy, else that of the top level.
func effective(top, own map[string]any, field string) map[string]any {
	if value := object(own, field); value != nil {
		return value
	}
	return object(top, field)
}

// versionPolicy is the policy of the grayscale version's subset without labels:
// the user's, with a load balancer that prefers the grayscale version's pods and
// goes to the others when it has none. Envoy keeps priorities only with an
// outlier detection, so ejectsNobody stands where the user has none.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting-failover_priority
func versionPolicy(v release.Versions, prefer map[string]string, top, own map[string]any) map[string]any {
	out := map[string]any{}
	if own != nil {
		out = copied(own).(map[string]any)
	}
	balancer := map[string]any{}
	if users := effective(top, own, "loadBalancer"); users != nil {
		balancer = copied(users).(map[string]any)
	}
	balancer["localityLbSetting"] = failover(v, prefer, object(balancer, "localityLbSetting"))
	detection := ejectsNobody()
	if users := effective(top, own, "outlierDetection"); users != nil {
		detection = copied(users).(map[string]any)
	}
	out["loadBalancer"], out["outlierDetection"] = balancer, detection
	// A port's settings inherit nothing, so they need both as well. They have
	// neither of their own: strictWhy excludes that.
	for _, item := range list(out, "portLevelSettings") {
		if port, ok := item.(map[string]any); ok {
			port["loadBalancer"] = map[string]any{"localityLbSetting": failover(v, prefer, nil)}
			port["outlierDetection"] = ejectsNobody()
		}
	}
	return out
}

// ejectsNobody is an outlier detection without effect but two: Envoy keeps priorities,
// and, for minHealthPercent is above 0, istiod leaves out the pods that are not ready.
// Of those that it tells, Envoy would take each as a reason to send a part of the
// version's requests to the next priority, though its other pods can take them all.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority
// https://istio.io/latest/docs/reference/commands/pilot-discovery/ (PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS)
func ejectsNobody() map[string]any {
	return map[string]any{"consecutive5xxErrors": int64(0), "consecutiveGatewayErrors": int64(0), "minHealthPercent": int64(1)}
}

// failover puts the version label, and what is preferred among its pods, before
// the user's own failover priorities.
func failover(v release.Versions, prefer map[string]string, users map[string]any) map[string]any {
	priority := []any{v.Label + "=" + v.Grayscale}
	for _, key := range slices.Sorted(maps.Keys(prefer)) {
		priority = append(priority, key+"="+prefer[key])
	}
	if enabled, _ := users["enabled"].(bool); users["enabled"] != nil && !enabled {
		// What the user has switched off must not come on with ours.
		return map[string]any{"enabled": true, "failoverPriority": priority}
	}
	out := map[string]any{}
	if users != nil {
		out = copied(users).(map[string]any)
	}
	out["failoverPriority"] = append(priority, list(users, "failoverPriority")...)
	return out
}

// strictWhy says why the grayscale version's subset must be strict, "" when it
// need not.
func strictWhy(in RulesInput, sites []site, meanings []meaning) string {
	if len(in.Versions.Others) > 0 {
		return "the Service has further versions, to which Envoy would fail over, too"
	}
	if in.PublishesUnready {
		return "the Service has publishNotReadyAddresses, so that Envoy takes pods that are not ready for healthy"
	}
	for i, s := range sites {
		if len(s.users) == 0 {
			continue
		}
		if why := noFailover(s.policy(), nil); why != "" {
			return merged(s.users) + " sets " + why
		}
		for _, m := range meanings {
			if why := noFailover(s.policy(), m.policies[i]); why != "" {
				return merged(s.users) + " sets " + why
			}
		}
	}
	return ""
}

// merged names rules that istiod merges into one: which of them says
// something is not known of the merged one.
func merged(rules []*unstructured.Unstructured) string {
	out := ruleName(rules[0])
	for _, more := range rules[1:] {
		namespace, name := metadata(more)
		out += ", merged with " + namespace + "/" + name + ","
	}
	return out
}

// noFailover names the field of the user's policy that our failover cannot stand
// beside.
func noFailover(top, own map[string]any) string {
	balancer := effective(top, own, "loadBalancer")
	if balancer["zoneAwareLbSetting"] != nil {
		return "loadBalancer.zoneAwareLbSetting"
	}
	locality := object(balancer, "localityLbSetting")
	if enabled, _ := locality["enabled"].(bool); locality["enabled"] == nil || enabled {
		for _, field := range []string{"distribute", "failover"} {
			if len(list(locality, field)) > 0 {
				return "loadBalancer.localityLbSetting." + field
			}
		}
	}
	for _, item := range append(slices.Clone(list(top, "portLevelSettings")), list(own, "portLevelSettings")...) {
		port, _ := item.(map[string]any)
		for _, field := range []string{"loadBalancer", "outlierDetection"} {
			if port[field] != nil {
				return "portLevelSettings with " + field
			}
		}
	}
	// A port of the top level has Istio's default balancer; a subset's would
	// replace it.
	if len(list(top, "portLevelSettings")) > 0 {
		for _, field := range []string{"loadBalancer", "outlierDetection"} {
			if effective(top, own, field) != nil {
				return field + " beside portLevelSettings"
			}
		}
	}
	return ""
}

// passthrough finds a load balancer that sends requests to the address that was
// dialled: no subset has any effect under it.
func (s site) passthrough() (faults intent.Faults) {
	for _, rule := range s.users {
		policies := []map[string]any{object(spec(rule), "trafficPolicy")}
		for _, item := range list(spec(rule), "subsets") {
			subset, _ := item.(map[string]any)
			policies = append(policies, object(subset, "trafficPolicy"))
		}
		if slices.ContainsFunc(policies, isPassthrough) {
			faults = append(faults, passthroughFault(rule))
		}
	}
	return faults
}

func isPassthrough(policy map[string]any) bool {
	all := []map[string]any{policy}
	for _, item := range list(policy, "portLevelSettings") {
		port, _ := item.(map[string]any)
		all = append(all, port)
	}
	return slices.ContainsFunc(all, func(p map[string]any) bool {
		simple, _ := text(object(p, "loadBalancer"), "simple")
		return simple == "PASSTHROUGH"
	})
}

func passthroughFault(rule *unstructured.Unstructured) intent.Fault {
	return intent.Fault{
		Kind: intent.Forbidden, At: ruleName(rule), Value: "PASSTHROUGH",
		Why:   "is a load balancer that ignores subsets, so the traffic could not be split",
		Right: "set loadBalancer.simple to LEAST_REQUEST or ROUND_ROBIN",
	}
}
