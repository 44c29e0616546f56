package e2e

import "strings"

// shapes are the ways in which routes and rules of users stand; what is refused
// is in refusals.
var shapes = []shape{
	{name: "NoVirtualService"},
	{name: "GatewayOnly", gateway: true, documents: []string{gateway, frontRoutes}},
	{name: "OneForBoth", gateway: true, documents: []string{gateway, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [$NS.test, reviews.$NS.svc.cluster.local]
  gateways: [mesh, front]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews}}]
`}},
	{name: "AnotherNamespace", elsewhere: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews.$NS.svc.cluster.local]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews.$NS.svc.cluster.local}}]
`},
	{name: "SubsetsWithPolicies", moved: true, documents: []string{meshRule, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - timeout: 10s
    route: [{destination: {host: reviews, subset: stable}}]
`}},
	{name: "RuleWithTLSAndBalancing", documents: []string{meshRoutes, `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews.$NS.svc.cluster.local
  trafficPolicy:
    tls: {mode: DISABLE}
    loadBalancer: {simple: LEAST_REQUEST}
    outlierDetection: {consecutive5xxErrors: 7, interval: 5s}
`}},
	{name: "SeveralOnOneGateway", gateway: true, documents: []string{gateway, meshRoutes, strings.Replace(frontRoutes, "  - name: all", "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: front-all}\nspec:\n  hosts: [$NS.test]\n  gateways: [$NS/front]\n  http:\n  - name: all", 1)}},
	{name: "PrivateOfTheCallers", calling: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: $NS, namespace: default}
spec:
  hosts: [reviews.$NS.svc.cluster.local]
  exportTo: ["."]
  http: [{timeout: 10s, route: [{destination: {host: reviews.$NS.svc.cluster.local}}]}]
`},
	{name: "WildcardRule", gateway: true, documents: []string{gateway, frontRoutes, ruled("name: all", `host: "*.$NS.svc.cluster.local", trafficPolicy: {connectionPool: {tcp: {maxConnections: 300}}, outlierDetection: {consecutive5xxErrors: 9}}`)}},
	{name: "RuleOfTheRoot", documents: []string{meshRoutes}, calling: ruled("name: $NS, namespace: istio-system", "host: reviews.$NS.svc.cluster.local, trafficPolicy: {connectionPool: {tcp: {maxConnections: 300}}}")},
	{name: "SeveralRules", moved: true, strict: "portLevelSettings with loadBalancer", documents: []string{
		ruled("name: one", "host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}"),
		ruled("name: two", "host: reviews.$NS.svc.cluster.local, subsets: [{name: stable, labels: {version: v1}, trafficPolicy: {portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}]}}]"),
		ruled("name: three", "host: reviews, subsets: [{name: old, labels: {version: v1}}]"),
		routed("{name: old, match: [{uri: {prefix: /old}}], route: [{destination: {host: reviews, subset: old}}]}, {name: rest, timeout: 10s, route: [{destination: {host: reviews, subset: stable}}]}"),
	}},
	{name: "RuleForSelectedCallers", documents: []string{meshRoutes,
		ruled("name: selected", "host: reviews, workloadSelector: {matchLabels: {app: client}}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 300}}}"),
		ruled("name: others", "host: reviews, trafficPolicy: {connectionPool: {tcp: {maxConnections: 400}}}"),
	}},
	{name: "PortLevelRule", strict: "portLevelSettings with loadBalancer", documents: []string{meshRoutes, ruled("name: ports", "host: reviews, trafficPolicy: {portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: LEAST_REQUEST}, connectionPool: {http: {http2MaxRequests: 500}}}]}")}},
	{name: "ConsistentHash", sticky: true, documents: []string{meshRoutes, ruled("name: sticky", "host: reviews, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: user-agent}}}")}},
	{name: "Distributed", strict: "distribute", documents: []string{meshRoutes, ruled("name: local", `host: reviews, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}, loadBalancer: {localityLbSetting: {enabled: true, distribute: [{from: "*", to: {"*": 100}}]}}}`)}},
	{name: "MutualTLS", mutual: true, gateway: true, documents: []string{gateway, frontRoutes, meshRoutes, ruled("name: tls", "host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}")}},
	{name: "AutomaticMutualTLS", mutual: true, gateway: true, documents: []string{gateway, frontRoutes, meshRoutes}},
}
